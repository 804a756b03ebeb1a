/** Reads a topic back, for tests of what writes into it. */
import type { Kafka } from 'kafkajs'

export interface ReadRecord {
  readonly offset: number
  readonly key: string
  readonly value: Buffer
}

/** Records of one partition from its beginning on, once there are `count` or more; all of those it had by then. */
export async function readPartition(
  kafka: Kafka,
  topic: string,
  partition: number,
  count: number,
): Promise<ReadRecord[]> {
  const admin = kafka.admin()
  await admin.connect()
  let end = 0
  try {
    while (end < count) {
      const offsets = await admin.fetchTopicOffsets(topic)
      end = Number(offsets.find((each) => each.partition === partition)?.high ?? 0)
      if (end < count) await new Promise((resolve) => setTimeout(resolve, 100))
    }
  } finally {
    await admin.disconnect()
  }
  if (end === 0) return []
  const consumer = kafka.consumer({
    groupId: `read-${topic}-${partition}-${Date.now()}`,
    maxBytesPerPartition: 16 * 1024 * 1024,
  })
  const found: ReadRecord[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ partition: from, message }) => {
            if (from !== partition || found.length >= end) return
            found.push({ offset: Number(message.offset), key: `${message.key}`, value: message.value as Buffer })
            if (Number(message.offset) + 1 >= end) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return found
}
