/** Keeps a floor of decode workers. @param {{ floor: number }} options */
export default function businessHours({ floor }) {
  if (!Number.isInteger(floor)) throw new Error("floor must be a whole number");
  return {
    reconcile(request) {
      if (request.forecast === null) return { kind: "accept" };
      return { kind: "override", targets: [{ role: "decode", replicas: floor, type: "AT_LEAST" }] };
    },
  };
}
