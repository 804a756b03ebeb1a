/** Two topics of the same hits: one as our collectors fill theirs, one as Flink reads it. */
import avsc from 'avsc'
import { CompressionTypes, type Kafka, type Message } from 'kafkajs'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { encodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import { encodeHitPack } from '../../../schemas/avro/hit-pack.ts'
import { batches, batchesPerPack, createRecount, type FlatHit, flatHits, partitions, type Recount } from './hits.ts'

export type FlatFormat = 'json' | 'avro'

export interface Topics {
  readonly ours: string
  readonly flinks: string
  /** Records of each partition of ours. */
  readonly packs: number
  readonly recount: Recount
  /** Bytes a hit of what is put into each topic, ours before it is compressed. */
  readonly bytes: { readonly ours: number; readonly flinks: number }
}

/** Packs of each partition in one call. */
const packsPerSend = 10

/** What Flink derives of a table's columns: each may be null where the table does not say otherwise. */
const text = ['null', 'string'] as const
const flatType = avsc.Type.forSchema({
  type: 'record',
  name: 'record',
  fields: [
    ...['merchant', 'id', 'name'].map((name) => ({ name, type: [...text] })),
    ...['time', 'received'].map((name) => ({ name, type: ['null', 'long'] })),
    ...['visitor', 'session', 'url', 'referrer', 'title'].map((name) => ({ name, type: [...text] })),
    { name: 'revenueMicros', type: ['null', 'long'] },
    ...['revenueCurrency', 'props', 'language', 'screen', 'addressPrefix', 'requestUserAgent', 'keyKind'].map(
      (name) => ({
        name,
        type: [...text],
      }),
    ),
    ...['zone', 'currency'].map((name) => ({ name, type: [...text] })),
  ],
} as avsc.Schema)

const encodeFlat: Readonly<Record<FlatFormat, (hit: FlatHit) => Buffer>> = {
  json: (hit) => Buffer.from(JSON.stringify(hit)),
  avro: (hit) => flatType.toBuffer(hit),
}

/** Ours compressed as forwarders do it; Flink's not at all, which saves it work. */
export async function fillTopics(
  kafka: Kafka,
  { count, format, unique }: { readonly count: number; readonly format: FlatFormat; readonly unique: string },
): Promise<Topics> {
  const [ours, flinks] = [`packs-${unique}`, `flat-${unique}`]
  for (const topic of [ours, flinks])
    await ensureTopic(kafka, { topic, partitions, replication: 1, retentionMs: 86_400_000 })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const recount = createRecount()
  const bytes = { ours: 0, flinks: 0 }
  const open = Array.from({ length: partitions }, () => ({ places: [] as number[], batches: [] as Buffer[] }))
  const [packs, flat]: [Message[], Message[]] = [[], []]
  let [place, packed] = [0, 0]
  const send = async () => {
    await producer.send({ topic: ours, acks: -1, compression: CompressionTypes.GZIP, messages: packs.splice(0) })
    await producer.send({ topic: flinks, acks: -1, compression: CompressionTypes.None, messages: flat.splice(0) })
  }
  for (const { partition, batch } of batches(count)) {
    recount.add(batch)
    for (const hit of flatHits(batch)) {
      const value = encodeFlat[format](hit)
      bytes.flinks += value.length
      flat.push({ partition, value })
    }
    const pack = open[partition] as (typeof open)[number]
    pack.places.push(place++)
    pack.batches.push(encodeHitBatch(batch))
    if (pack.places.length < batchesPerPack) continue
    const value = encodeHitPack({ log: 'bench', ...pack })
    bytes.ours += value.length
    packs.push({ partition, value })
    open[partition] = { places: [], batches: [] }
    packed += 1
    if (packs.length === packsPerSend * partitions) await send()
  }
  if (packs.length > 0) await send()
  await producer.disconnect()
  return {
    ...{ ours, flinks, packs: packed / partitions, recount: recount.result() },
    bytes: { ours: bytes.ours / count, flinks: bytes.flinks / count },
  }
}
