/** Workers as processes over real Kafka and PostgreSQL, stopped, killed and cut off: every record counts once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import { startServers } from '../../infra/local/cluster/servers.mjs'
import { createSchema, type Schema } from '../../lakehouse/adapters/postgres/test/schemas.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { encodeHitPack } from '../../schemas/avro/hit-pack.ts'
import { kafkaGroupFeed } from '../adapters/kafka/kafka-feed.ts'
import { type TopicUnderTest, topicUnderTest } from '../adapters/kafka/topic-under-test.ts'
import { rowsIn } from './support/file-lake.ts'
import type { WorkerSettings } from './support/worker.child.ts'
import { batch, booksOf, createWorld, hit, merchant, rowsOf, runnerOn } from './support/world.ts'

const partitions = 4
const sessionTimeoutMs = 3_000
const patience = { timeout: 60_000, interval: 50 }
const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Packs of batches of three hits, places dense, one log over all partitions. */
function packs(topic: TopicUnderTest) {
  let place = 0
  const ids: string[] = []
  return {
    ids,
    async send(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        const first = place
        place += 2
        const batches = [first, first + 1].map((at) => {
          const hits = [0, 1, 2].map((n) => hit({ id: `${at}-${n}` }))
          ids.push(...hits.map(({ id }) => id))
          return encodeHitBatch(batch(hits))
        })
        const pack = encodeHitPack({ log: 'c1', places: [first, first + 1], batches })
        // Every third is sent twice, as after an answer that was lost.
        await topic.push((first / 2) % partitions, ...(i % 3 === 0 ? [pack, pack] : [pack]))
      }
    },
  }
}

describe('workers', () => {
  let topic: TopicUnderTest
  let schema: Schema
  let store: ClusterStore
  let folder: string
  const children: ChildProcess[] = []
  beforeEach(async () => {
    topic = await topicUnderTest({ partitions })
    schema = await createSchema()
    store = await schema.open()
    await store.createMerchant(merchant('shop'), [])
    folder = mkdtempSync(join(tmpdir(), 'hitlake-workers-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await schema.close()
    await topic.cleanup()
    rmSync(folder, { recursive: true, force: true })
  })

  function work(owner: string) {
    const { source, groupId } = topic.options()
    const settings: WorkerSettings = {
      ...{ owner, url: schema.url, brokers: process.env.HITLAKE_KAFKA_BROKERS ?? '', topic: topic.topic, source },
      ...{ partitions, groupId, sessionTimeoutMs, folder, epochMs: 300 },
    }
    const script = [path('../../infra/test/run-typescript.mjs'), path('support/worker.child.ts')]
    const child = spawn(process.execPath, [...script, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    const lines: string[] = []
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    return {
      child,
      lines,
      said: (word: string) => lines.filter((line) => line.startsWith(word)),
      ended: new Promise<number | null>((resolve) => child.once('exit', resolve)),
      async stop() {
        child.stdin?.end()
        return this.ended
      },
    }
  }

  const stored = async () => rowsIn(folder, await store.unpublished('hits'))
  async function expectOnce(ids: readonly string[]): Promise<void> {
    const rows = await stored()
    expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort())
    expect(new Set(rows.map(({ _part, _off, _idx }) => `${_part} ${_off} ${_idx}`)).size).toBe(ids.length)
    expect(await store.books({ from: 0, to: Number.MAX_SAFE_INTEGER })).toMatchObject({
      stored: ids.length,
      duplicates: 0,
      failed: 0,
      accepted: 0,
    })
  }
  const untilStored = (ids: readonly string[]) =>
    vi.waitUntil(async () => (await stored()).length >= ids.length, patience)

  it('one frozen beyond its session and woken cannot commit what others have taken, and works on', async () => {
    const { ids, send } = packs(topic)
    const [one, two] = [work('one'), work('two')]
    await vi.waitUntil(() => one.said('given').length > 0 && two.said('given').length > 0, patience)
    await send(40)
    await untilStored(ids)
    // Records are read, the epoch is open: what the frozen one has of it is for nothing.
    await send(20)
    one.child.kill('SIGSTOP')
    await vi.waitUntil(() => two.said('given').at(-1) === 'given 0,1,2,3', patience)
    await send(40)
    await untilStored(ids)
    one.child.kill('SIGCONT')
    await send(20)
    await vi.waitUntil(() => one.said('given').at(-1)?.split(',').length === 2, patience)
    await send(20)
    await untilStored(ids)
    expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0])
    await expectOnce(ids)
    expect(two.said('trouble').filter((line) => line.endsWith('stopped'))).toEqual([])
    expect(one.said('trouble').filter((line) => line.endsWith('stopped'))).toEqual([])
  }, 180_000)

  it('killed in the middle of epochs are followed by others that lose nothing and double nothing', async () => {
    const { ids, send } = packs(topic)
    for (let round = 0; round < 4; round++) {
      const pair = [work(`a${round}`), work(`b${round}`)]
      await vi.waitUntil(() => pair.every(({ lines }) => lines.length > 0), patience)
      await send(25)
      const [victim, other] = round % 2 === 0 ? pair : pair.reverse()
      await vi.waitUntil(() => pair.some(({ said }) => said('committed').length > 0), patience)
      victim?.child.kill('SIGKILL')
      await send(10)
      expect(await other?.stop()).toBe(0)
    }
    const last = work('last')
    await untilStored(ids)
    expect(await last.stop()).toBe(0)
    await expectOnce(ids)
  }, 180_000)
})

describe('a worker whose Kafka is away', () => {
  it('goes on when it is back, sets aside what nobody can read, and neither loses nor doubles', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hitlake-kafka-'))
    const servers = await startServers({ folder, only: ['kafka'] })
    const brokers = servers.env.HITLAKE_KAFKA_BROKERS ?? ''
    const topic = await topicUnderTest({ partitions, brokers, sessionTimeoutMs })
    const world = await createWorld()
    const errors: unknown[] = []
    try {
      const { feed, assignment, close } = await kafkaGroupFeed(topic.options())
      const runner = runnerOn(
        { ...world, feed },
        {
          ...{ assignment, epochMs: 200, clock: systemClock, timers: systemTimers, random: systemRandom },
          onError: (error, then) => errors.push([error, then]),
        },
      )
      await runner.start()
      const { ids, send } = packs(topic)
      const rows = async () => (await rowsOf(world, 'hits')).map((row) => row.id as string)
      await send(30)
      await topic.push(1, Buffer.from('nobody can read this'), null, encodeHitBatch(batch([hit({ id: 'bare' })])))
      await vi.waitUntil(async () => (await rows()).length === ids.length + 1, patience)
      await servers.kafka.stop()
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      await servers.kafka.start()
      await vi.waitUntil(
        () =>
          send(1).then(
            () => true,
            () => false,
          ),
        patience,
      )
      await send(30)
      await vi.waitUntil(async () => new Set(await rows()).size >= ids.length + 1, patience)
      await runner.stop()
      await close()
      const all = await rows()
      expect(new Set(all).size).toBe(all.length)
      expect(all.filter((id) => !ids.includes(id))).toEqual(['bare'])
      expect(await rowsOf(world, 'failed_hits')).toMatchObject([
        { reason: 'poison_record', _part: 1 },
        { reason: 'poison_record', _part: 1, original: '' },
      ])
      expect(await booksOf(world)).toMatchObject({ accepted: 3, failed: 2, duplicates: 0, stored: all.length })
      expect(await booksOf(world, 'shop' as MerchantId)).toMatchObject({ accepted: 1 })
      expect(runner.state).toBe('stopped')
    } finally {
      await topic.cleanup()
      await servers.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }, 180_000)
})
