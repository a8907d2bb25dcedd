/** What the runner and its worker hosts say to each other: JSON over HTTP on loopback; the bearer token is the host's nonce. */

export const REPLICAS_PATH = "/replicas";

/** `POST /replicas`: a replica of `workers` workers. The same name again changes nothing. */
export interface AddReplica {
  name: string;
  workers: number;
}

/** `POST /replicas/:name/drain`: nothing new, what is under way ends within `graceMs` real ms, then it goes. */
export interface DrainReplica {
  graceMs: number;
}

/** `GET /replicas`: `{ replicas }`. Only the host that was given the nonce answers, so that it tells who this is, too. */
export interface HostedReplica {
  name: string;
  state: "starting" | "ready" | "draining";
  /** Of its first worker; null while it does not listen. */
  url: string | null;
}
