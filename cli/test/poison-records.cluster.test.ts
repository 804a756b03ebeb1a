import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { encodeHitPack } from '../../schemas/avro/hit-pack.ts'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { eventually } from './support/server.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'
import { trinoRows } from './support/trino.ts'

const shops = manyShops(2)
const partition = 1
const batch = encodeHitBatch({
  merchant: 'shop-0' as never,
  zone: 'Asia/Kolkata',
  currency: 'INR',
  received: Date.now() as never,
  addressPrefix: null,
  requestUserAgent: null,
  requestLanguage: null,
  requestClientHints: null,
  keyKind: 'server',
  hits: [],
})
const pack = encodeHitPack({ log: 'a-log', places: [0], batches: [batch] })
const otherSchema = Buffer.from(batch)
otherSchema.writeUInt8((otherSchema[2] ?? 0) ^ 0xff, 2)

const poison: readonly (readonly [what: string, value: Buffer | null])[] = [
  ['a truncated pack', pack.subarray(0, pack.length - 3)],
  ['a batch of a schema nobody knows', otherSchema],
  ['bytes of somebody else', Buffer.from('{"name":"page_view"}')],
  ['nothing at all', null],
]

describe('records that nobody can decode, in the middle of good ones', () => {
  let cluster: Cluster
  let sendings: Sending[]
  let offsets: readonly number[]

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 1, worker: 1, maintenance: 1 },
      partitions: 2,
    })
    await cluster.addShops(shops)
    sendings = traffic({ seed: 5, count: 2_000, now: Date.now() - 60_000, of: shops, over: 'few days' })
    const requests = inRequests(sendings, mulberry32(5), 20)
    const half = Math.floor(requests.length / 2)
    const to = { url: () => cluster.collectorUrl(), keyOf: cluster.writeKey }
    await sendAll(requests.slice(0, half), to)
    offsets = await write(
      cluster.env,
      poison.map(([, value]) => value),
    )
    await sendAll(requests.slice(half), to)
    await cluster.settle()
  }, 300_000)
  afterAll(() => cluster?.remove())

  it('are set aside in failed_hits, whole and with their position', async () => {
    const {
      HITLAKE_TRINO_URL: url = '',
      HITLAKE_TRINO_CATALOG: catalog = 'lake',
      HITLAKE_TRINO_SCHEMA = '',
    } = cluster.env
    const rows = await eventually(
      () =>
        trinoRows(
          url,
          `SELECT _part, _off, original FROM "${catalog}"."${HITLAKE_TRINO_SCHEMA}_tables"."failed_hits" WHERE id IS NULL ORDER BY _off`,
        ),
      (found) => found.length >= poison.length,
      60_000,
    )
    expect(rows).toEqual(
      poison.map(([, value], i) => [partition, offsets[i], (value ?? Buffer.alloc(0)).toString('base64')]),
    )
  })

  it('stop nothing: every other hit is where it belongs', async () => {
    for (const shop of shops) {
      expect(await cluster.series(shop, 'day'), shop.id).toEqual(recount(sendings, shop, 'day').buckets)
    }
  })

  it('are in the books: accepted where they were met, and failed', async () => {
    const expected = shops.map((shop) => recount(sendings, shop, 'month'))
    const failed = expected.reduce((sum, each) => sum + each.failed, 0)
    expect(await cluster.books()).toMatchObject({ failed: failed + poison.length, inFlight: 0, balanced: true })
  })
})

/** Writes values as a foreign producer would; their offsets. */
async function write(env: Readonly<Record<string, string>>, values: readonly (Buffer | null)[]): Promise<number[]> {
  const brokers = (env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const offsets: number[] = []
  for (const value of values) {
    const [sent] = await producer.send({ topic: env.HITLAKE_KAFKA_TOPIC ?? '', messages: [{ partition, value }] })
    offsets.push(Number(sent?.baseOffset))
  }
  await producer.disconnect()
  return offsets
}
