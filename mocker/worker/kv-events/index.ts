export { KvEventStream, type KvEventStreamOptions } from "./event-stream.ts";
export { type FeedBatch, KvEventFeed, publishesKvEvents } from "./feed.ts";
export { openZmqPublisher, type ZmqPublisher, type ZmqPublisherOptions } from "./zmq-publisher.ts";
