/** Preloaded into a child process: it ends when its parent does, even where that is killed. */
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
