export { type KvSubscription, subscribeKvEvents } from "./subscriber.ts";
