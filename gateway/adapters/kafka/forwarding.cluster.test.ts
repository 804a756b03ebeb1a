/**
 * The way of hits from a collector's log into Kafka, on a real disk and a Kafka of its own that is killed, stands still and
 * comes back meanwhile.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom, systemTimers } from '../../../core/adapters/node/system.ts'
import { durableOf } from '../../../core/log/durable-source.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import { partitionOf } from '../../../core/partition-of.ts'
import type { HitLog } from '../../../core/ports/hit-log.ts'
import { type Servers, startServers } from '../../../infra/local/cluster/servers.mjs'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { logFeed } from '../../../pipelines/adapters/log/log-feed.ts'
import { encodeHitBatch, peekBatch } from '../../../schemas/avro/hit-batch.ts'
import { decodeHitPack } from '../../../schemas/avro/hit-pack.ts'
import { createForwarder, type Forwarder } from '../../core/forwarder.ts'
import { batchWithHits } from '../../core/forwarder-under-test.ts'
import { defaultConfirmMaxMs } from '../../core/forwarder-waiters.ts'
import { nodeKeptFile } from '../node/kept-file.ts'
import { kafkaFeedWriter } from './kafka-feed-writer.ts'
import { readPartition } from './read-partition-under-test.ts'

const partitions = 4
const merchants = Array.from({ length: 37 }, (_, i) => `shop-${i}`)
/** Requests that wait for their answer at once. */
const inFlight = 64

describe('20,000 hits on their way into Kafka', () => {
  let folder = ''
  let servers: Servers<'kafka'>
  let log: HitLog
  let forwarder: Forwarder
  const topic = { topic: 'forwarded', partitions, replication: 1, retentionMs: 3_600_000 }
  const kafkaOf = () =>
    createKafka({
      brokers: [`127.0.0.1:${servers.kafka.port}`],
      clientId: 'hitlake-test',
      say: () => {},
    })
  let appended = 0
  const whose: string[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hitlake-forwarding-'))
    servers = await startServers({ folder: join(folder, 'servers'), only: ['kafka'] })
    await startForwarder()
  })
  afterAll(async () => {
    await forwarder?.stop()
    await log?.close()
    await servers?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function startForwarder(): Promise<void> {
    const disk = nodeDisk(folder)
    log = await openSegmentLog({ disk, folder: 'log', timers: systemTimers, random: systemRandom })
    const feed = logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers: systemTimers })
    forwarder = createForwarder({
      log,
      openReader: (from) => feed.read(0, from),
      writer: kafkaFeedWriter({ kafka: kafkaOf(), topic }),
      store: createMemoryControlStore(),
      jobs: ['hits-warehouse', 'hits-rollups'],
      markFile: nodeKeptFile(join(folder, 'forwarded.json')),
      receivedNow: () => systemClock.now(),
      clock: systemClock,
      timers: systemTimers,
    })
    await forwarder.start()
  }

  /** Accepts so many hits, each a batch of its own; returns what their answers promised, and the slowest. */
  async function accept(count: number): Promise<{ disk: number; kafka: number; slowestMs: number }> {
    const found = { disk: 0, kafka: 0, slowestMs: 0 }
    const until = appended + count
    const one = async () => {
      while (appended < until) {
        const merchant = merchants[(appended * 7) % merchants.length] as string
        appended++
        const offset = await log.append(encodeHitBatch(batchWithHits(merchant, systemClock.now(), 1)))
        whose[offset] = merchant
        const started = systemClock.monotonic()
        found[await forwarder.confirm(offset)]++
        found.slowestMs = Math.max(found.slowestMs, systemClock.monotonic() - started)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, one))
    return found
  }

  const flowing = () => expect.poll(() => forwarder.state, { timeout: 30_000 }).toBe('flowing')

  it('are answered as Kafka has them, or as on disk while it is away, and none waits long', async () => {
    await flowing()
    // Not all of them on a busy machine, which may stand still for half a second by itself.
    const well = await accept(6_000)
    expect(well.kafka).toBeGreaterThan(5_400)

    await servers.kafka.kill()
    const away = await accept(5_000)
    expect(away.kafka).toBe(0)
    expect(away.slowestMs).toBeLessThan(defaultConfirmMaxMs + 500)

    await servers.kafka.start()
    await flowing()
    const again = await accept(4_000)
    expect(again.kafka).toBeGreaterThan(3_600)

    servers.kafka.pause()
    const still = await accept(1_000)
    expect(still.kafka).toBe(0)
    expect(still.slowestMs).toBeLessThan(defaultConfirmMaxMs + 500)
    servers.kafka.resume()
    await flowing()

    // A new process goes on where this one ended.
    await forwarder.stop()
    await log.close()
    await startForwarder()
    await flowing()
    expect((await accept(4_000)).kafka).toBeGreaterThan(3_600)
  })

  it('are all there, in order of the log in each partition, each where its merchant’s hits go', async () => {
    await expect.poll(() => forwarder.acked, { timeout: 30_000 }).toBe(20_000)
    for (let partition = 0; partition < partitions; partition++) {
      const records = await readPartition(kafkaOf(), topic.topic, partition, 1)
      const first: number[] = []
      for (const { key, value } of records) {
        expect(key).toBe(log.id)
        const pack = decodeHitPack(value)
        expect(pack.log).toBe(log.id)
        for (const [index, place] of pack.places.entries()) {
          expect(peekBatch(pack.batches[index] as Buffer).merchant).toBe(whose[place])
          if (place > (first.at(-1) ?? -1)) first.push(place)
        }
      }
      const due = whose.flatMap((merchant, place) => (partitionOf(merchant, partitions) === partition ? [place] : []))
      expect(first).toEqual(due)
    }
  })
})
