export { KvEventStream, type KvEventStreamOptions } from "./event-stream.ts";
export { type FeedBatch, type FeedEvent, type FeedSnapshot, KvEventFeed, publishesKvEvents } from "./feed.ts";
export type { ZmqEventShape } from "./zmq-payload.ts";
export { openZmqPublisher, type ZmqPublisher, type ZmqPublisherOptions } from "./zmq-publisher.ts";
