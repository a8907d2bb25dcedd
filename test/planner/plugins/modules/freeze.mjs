export default { propose: async () => ({ kind: "reject", reason: "frozen" }) };
