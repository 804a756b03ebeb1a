/** History through a real Kafka: into a topic by the writer of the command, out of it as a member of a group, through a plan. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { createHasher } from '../../../core/sketch/hasher.ts'
import { kafkaFeedWriter } from '../../../gateway/adapters/kafka/kafka-feed-writer.ts'
import { createHitsJob } from '../../jobs/hits.ts'
import { type EmitToFeedOptions, emitToFeed } from '../../runtime/emit/emit-to-feed.ts'
import { runHistoryJob } from '../../runtime/emit/history-job.ts'
import { historyGenerationMin } from '../../runtime/emit/limits.ts'
import { begunOn, everything } from '../../runtime/emit/test/emit-world.ts'
import {
  comparable,
  executorOf,
  liveWorld,
  memoryLakes,
  requestOf,
  rerun,
  scan,
  traffic,
} from '../../runtime/rerun/test/rerun-world.ts'
import { kafkaGroupFeed } from '../kafka/kafka-feed.ts'

const brokers = (process.env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
const kafka = createKafka({ brokers, clientId: 'hitlake-test', say: () => {} })
const name = `history-${randomBytes(4).toString('hex')}`
const topic = { topic: name, partitions: 3, replication: 1, retentionMs: 3_600_000 }
const { signal } = new AbortController()
const tables = ['hits', 'failed_hits', 'hourly'] as const

afterAll(async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [name] }).catch(() => undefined)
  await admin.disconnect()
})

describe('history in a topic of Kafka', () => {
  it('becomes, by a plan over it, the rows of a rerun, though the emission was stopped and some came twice', async () => {
    const world = await liveWorld(await memoryLakes().open(), [fc.sample(traffic, { numRuns: 20, seed: 7 }).flat()])
    const output = `kafka:${name}`
    const options: Omit<EmitToFeedOptions, 'writer'> = {
      ...{ lake: world.rerun, store: world.store, pace: async () => {}, timers: systemTimers, output },
      ...{ objects: memoryObjectStore(), emission: 'all', request: everything, groupMaxHits: 50, chunkMaxHits: 20 },
      begin: async () => begunOn(world, everything, output),
    }
    const writer = () => kafkaFeedWriter({ kafka, topic })
    // Stopped after a send, before it was recorded: that chunk comes again.
    let puts = 0
    const objects = {
      ...options.objects,
      async put(object: string, body: Uint8Array) {
        puts += 1
        if (puts === 4) throw new Error('stopped')
        await options.objects.put(object, body)
      },
    }
    await expect(emitToFeed({ ...options, objects, writer: writer() }, signal)).rejects.toThrow('stopped')
    const done = await emitToFeed({ ...options, writer: writer() }, signal)
    expect(done.state).toBe('done')

    const { source, partitions } = await ensureTopic(kafka, topic)
    const group = await kafkaGroupFeed({
      ...{ kafka, topic: name, source, partitions, groupId: `${name}-job`, sessionTimeoutMs: 6_000 },
      ...{ timers: systemTimers, say: () => {} },
    })
    try {
      const hasher = await createHasher()
      const { plan, inputs } = createHitsJob({
        ...{ store: world.store, visitorHash: hasher.visitorHash, country: () => 'DE', dataSets: { country: '1' } },
        userAgents: {
          read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
        },
      })
      const generation = historyGenerationMin + 1
      const result = await runHistoryJob(
        {
          ...{
            job: 'hits-history',
            generation,
            emission: 'all',
            plan,
            inputs,
            feed: group.feed,
            owner: 'test',
            tables,
          },
          ...{ clock: systemClock, store: world.store, lake: world.lake, objects: memoryObjectStore() },
        },
        signal,
      )
      expect(result).toMatchObject({ hits: done.mark.hits, others: 0, poison: 0 })
      expect(result.repeats).toBeGreaterThan(0)

      const again = await rerun(executorOf(world), { request: requestOf({ via: 'stream' }), rows: world.rows })
      for (const table of tables) {
        const { pending } = await world.store.tableView(table)
        const made = (await scan(world.lake, table, null, pending)).filter(({ _gen }) => _gen === generation)
        const rows = (await scan(world.lake, table, null, again.staged)).filter(({ merchant }) => merchant !== '')
        expect(made.length, table).toBeGreaterThan(0)
        expect(comparable(table, made), table).toEqual(comparable(table, rows))
      }
    } finally {
      await group.close()
    }
  })
})
