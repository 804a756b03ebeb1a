/**
 * Writes into a Kafka topic: idempotent, acknowledged by all replicas in sync, one request under way, packed with gzip.
 * After any failure the producer is given up and `connect` makes a new one: the broker takes a producer's numbers as the
 * sign of a repetition, and must never take something else for the request that got no answer.
 */
import kafkajs, { type Kafka, type Producer } from 'kafkajs'
import { kafkaRequestMaxMs, kafkaRetries } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic, type TopicSettings } from '../../../core/adapters/kafka/topic.ts'
import { FeedUnavailableError } from '../../../core/errors.ts'
import type { FeedWriter } from '../../../core/ports/feed-writer.ts'

export interface KafkaFeedWriterOptions {
  /** Of `createKafka`, which sets the codec. */
  readonly kafka: Kafka
  readonly topic: TopicSettings
}

/** A writer of the topic, which `connect` makes where it is missing. */
export function kafkaFeedWriter({ kafka, topic }: KafkaFeedWriterOptions): FeedWriter {
  const { partitions } = topic
  let producer: Producer | undefined
  let closed = false

  /** Not waited for: a broker that stands still would hold up the one that comes after. */
  function giveUp(): void {
    producer?.disconnect().catch(() => undefined)
    producer = undefined
  }

  return {
    partitions,
    async connect() {
      giveUp()
      if (closed) throw new FeedUnavailableError('a writer that was closed')
      const { source } = await ensureTopic(kafka, topic)
      const made = kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
        retry: { retries: kafkaRetries },
      })
      try {
        await made.connect()
      } catch (cause) {
        made.disconnect().catch(() => undefined)
        throw new FeedUnavailableError('a new producer', { cause })
      }
      if (closed) {
        made.disconnect().catch(() => undefined)
        throw new FeedUnavailableError('a writer that was closed')
      }
      producer = made
      return source
    },
    async send(records) {
      const wrong = records.find(
        ({ partition }) => !(Number.isInteger(partition) && partition >= 0 && partition < partitions),
      )
      if (wrong !== undefined) throw new RangeError(`there is no partition ${wrong.partition}`)
      if (producer === undefined) throw new FeedUnavailableError('a writer that is not connected')
      if (records.length === 0) return
      try {
        await producer.send({
          topic: topic.topic,
          acks: -1,
          timeout: kafkaRequestMaxMs,
          compression: kafkajs.CompressionTypes.GZIP,
          messages: [...records],
        })
      } catch (cause) {
        giveUp()
        throw new FeedUnavailableError('a send', { cause })
      }
    },
    async close() {
      closed = true
      const last = producer
      producer = undefined
      await last?.disconnect().catch(() => undefined)
    },
  }
}
