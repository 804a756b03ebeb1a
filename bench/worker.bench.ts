/**
 * A worker from Kafka to staged files, in hits per second of CPU of this process (broker and control store are others'):
 * packs as the forwarder makes them, gzip, four partitions, one run over the whole topic. The control only reads the same
 * topic with kafkajs. What lies between is told by leaving parts out: a run without staging, and the rollups.
 *
 * Needs a broker: HITLAKE_KAFKA_BROKERS, as `npm run cluster:up` says.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CompressionTypes, type Kafka } from 'kafkajs'
import { folderObjectStore } from '../core/adapters/folder-object-store.ts'
import { createKafka } from '../core/adapters/kafka/client.ts'
import { ensureTopic } from '../core/adapters/kafka/topic.ts'
import { seededRandom } from '../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../core/adapters/node/system.ts'
import { hourMs, minuteMs } from '../core/event-time.ts'
import type { Hit } from '../core/hit.ts'
import type { MerchantId } from '../core/ids.ts'
import type { LakeWriter } from '../core/ports/lake.ts'
import { createHasher } from '../core/sketch/hasher.ts'
import { openDatabase } from '../lakehouse/adapters/duckdb/database.ts'
import { createStaging } from '../lakehouse/adapters/local/staging.ts'
import { kafkaGroupFeed } from '../pipelines/adapters/kafka/kafka-feed.ts'
import { nodeSyncReader } from '../pipelines/adapters/local/node-sync-reader.ts'
import { createHitsJob } from '../pipelines/jobs/hits.ts'
import { createUserAgentReader } from '../pipelines/jobs/user-agent.ts'
import { jobsOf } from '../pipelines/runtime/plan-jobs.ts'
import { createStreamRunner } from '../pipelines/runtime/stream-runner.ts'
import { at, batch, createWorld, hit, nextTurn, receivedAt } from '../pipelines/test/support/world.ts'
import { encodeHitBatch } from '../schemas/avro/hit-batch.ts'
import { encodeHitPack } from '../schemas/avro/hit-pack.ts'
import { type Bench, byItself } from './runner.ts'

const brokers = process.env.HITLAKE_KAFKA_BROKERS
const partitions = 4
const packs = 2_000
const batchesPerPack = 8
const hitsPerBatch = 25
const total = packs * batchesPerPack * hitsPerBatch
const packsPerSend = 50
/** As a worker of a cluster, whose epochs are long: a run is a few epochs. */
const epochMaxHits = total / 4
const epochMaxBytes = 256 * 1024 * 1024
const merchants = Array.from({ length: 200 }, (_, n) => `bench-${n}`)
const { visitorHash } = await createHasher()
const userAgents = createUserAgentReader()

interface Rig {
  readonly kafka: Kafka
  readonly topic: string
  readonly source: string
  readonly root: string
  /** Stages with DuckDB. */
  readonly lake: Pick<LakeWriter, 'stage' | 'discard'>
}
let rig: Rig | undefined
let users = 0
let runs = 0

async function setup(): Promise<void> {
  users += 1
  if (rig !== undefined) return
  const topic = `bench-worker-${randomBytes(6).toString('hex')}`
  const kafka = createKafka({ brokers: (brokers ?? '').split(','), clientId: 'hitlake-bench', say: () => {} })
  const { source } = await ensureTopic(kafka, { topic, partitions, replication: 1, retentionMs: 3_600_000 })
  await fill(kafka, topic)
  const root = await mkdtemp(join(tmpdir(), 'hitlake-bench-'))
  const scratch = join(root, 'scratch')
  const instance = await openDatabase({ file: ':memory:', memoryLimitBytes: 320e6, threads: 2, scratch })
  const objects = await folderObjectStore(nodeDisk(root), 'objects')
  const lake = createStaging({ objects, instance, scratch, random: systemRandom })
  rig = { kafka, topic, source, root, lake }
}

async function teardown(): Promise<void> {
  users -= 1
  if (rig === undefined || users > 0) return
  const { kafka, topic, root } = rig
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
  await rm(root, { recursive: true })
  rig = undefined
}

async function fill(kafka: Kafka, topic: string): Promise<void> {
  const random = seededRandom(1)
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  let place = 0
  for (let sent = 0; sent < packs; sent += packsPerSend) {
    const messages = Array.from({ length: packsPerSend }, (_, n) => {
      const places = Array.from({ length: batchesPerPack }, () => place++)
      const batches = places.map((at) => encodedBatch(at, random))
      return { partition: n % partitions, value: encodeHitPack({ log: 'bench', places, batches }) }
    })
    await producer.send({ topic, acks: -1, compression: CompressionTypes.GZIP, messages })
  }
  await producer.disconnect()
}

/** Hits of a shop, with ids of their own: half of the pages are seldom seen, agents and networks repeat. */
function encodedBatch(place: number, random: ReturnType<typeof seededRandom>): Buffer {
  const some: Hit[] = Array.from({ length: hitsPerBatch }, (_, n) =>
    hit({
      id: `${Buffer.from(random.bytes(8)).toString('hex')}-4c1e-4a7b-${place}-${n}`,
      name: random.below(20) === 0 ? 'purchase' : 'page_view',
      visitor: `visitor-${random.below(50_000)}`,
      time: at(-random.below(10 * minuteMs)),
      url: `https://shop.example/products/${random.below(2) === 0 ? random.below(500) : place}?ref=mail&n=${random.below(1e6)}`,
      referrer: 'https://www.search.example/results',
      title: 'A page of the shop',
      props: { load_ms: random.below(2_000) },
      context: {
        userAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:${random.below(50)}.0) Gecko/20100101 Firefox/130.0`,
        language: 'de',
        screen: '1920x1080',
        timeZone: null,
        campaign: null,
      },
    }),
  )
  const merchant = merchants[random.below(merchants.length)] as MerchantId
  return encodeHitBatch(batch(some, { merchant, zone: 'Europe/Berlin', received: receivedAt(place) }))
}

/** Hits per second of CPU, of all threads of this process, while `work` runs. */
async function perCpuSecond(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (total * 1e6) / (user + system)
}

function opened(): Rig {
  if (rig === undefined) throw new Error('setup did not run')
  return rig
}

async function readOnly(): Promise<number> {
  const { kafka, topic } = opened()
  const consumer = kafka.consumer({ groupId: `${topic}-read-${runs++}`, maxWaitTimeInMs: 200 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let read = 0
  const speed = await perCpuSecond(
    () =>
      new Promise((done, failed) => {
        const eachBatch = async (payload: { readonly batch: { readonly messages: readonly unknown[] } }) => {
          read += payload.batch.messages.length
          if (read >= packs) done()
        }
        consumer.run({ autoCommit: false, eachBatch }).catch(failed)
      }),
  )
  await consumer.disconnect()
  return speed
}

const unstaged: Pick<LakeWriter, 'stage' | 'discard'> = {
  stage: async (table, name, rows) => ({ name, table, rows: rows.length, bytes: 0, firstDay: 0, lastDay: 0 }),
  discard: async () => {},
}

async function work(job: string, staging: 'staged' | 'left out'): Promise<number> {
  const { kafka, topic, source, root, lake } = opened()
  const run = runs++
  const options = jobsOf(createJob().plan).find((each) => each.job === job)
  const { store } = await createWorld({ merchants })
  const objects = await folderObjectStore(nodeDisk(root), `state-${run}`)
  const stateReader = nodeSyncReader()
  const group = { groupId: `${topic}-${run}`, sessionTimeoutMs: 30_000, timers: systemTimers, say: () => {} }
  const { feed, assignment, close } = await kafkaGroupFeed({ kafka, topic, source, partitions, ...group })
  const committed = new Map<number, number>()
  let done = () => {}
  const runner = createStreamRunner({
    ...createJob(store),
    ...options,
    ...{ feed, assignment, store, objects, stateReader, lake: staging === 'staged' ? lake : unstaged },
    ...{ clock: systemClock, timers: systemTimers, random: systemRandom, turn: nextTurn },
    ...{ owner: 'bench', epochMs: hourMs, epochMaxHits, epochMaxBytes },
    onCommitted({ positions }) {
      for (const { partition, next } of positions) committed.set(partition, next)
      if ([...committed.values()].reduce((sum, next) => sum + next, 0) === packs) done()
    },
  })
  const speed = await perCpuSecond(async () => {
    await new Promise<void>((resolve) => {
      done = resolve
      void runner.start()
    })
  })
  await runner.stop()
  await close()
  stateReader.close()
  return speed
}

const noMerchants = { merchantsById: async () => [], erasedOf: async () => new Map() }

function createJob(store: Parameters<typeof createHitsJob>[0]['store'] = noMerchants) {
  return createHitsJob({ store, visitorHash, country: () => 'DE', userAgents, dataSets: {} })
}

const control = { name: 'kafkajs, only reading', run: readOnly }
const also: Bench['also'] = (result) => [byItself(result)]
const over = { unit: 'hits/CPU-s', setup, teardown, control, also }

if (brokers === undefined) console.error('worker: left out, for HITLAKE_KAFKA_BROKERS is not set')

export const benches: readonly Bench[] =
  brokers === undefined
    ? []
    : [
        {
          ...over,
          name: 'worker: Kafka to staged files, warehouse',
          candidate: { name: 'the worker', run: () => work('hits-warehouse', 'staged') },
        },
        {
          ...over,
          name: 'worker: the same without staging',
          candidate: { name: 'the worker', run: () => work('hits-warehouse', 'left out') },
        },
        {
          ...over,
          name: 'worker: Kafka to staged files, rollups',
          candidate: { name: 'the worker', run: () => work('hits-rollups', 'staged') },
        },
      ]
