export { type KvSubscription, type KvSubscriptionOptions, subscribeKvEvents } from "./subscriber.ts";
