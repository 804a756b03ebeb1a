/** `hitlake emit` over a cluster on real servers: a file and a topic hold the hits that were accepted, read through Trino. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKafka } from '../../../core/adapters/kafka/client.ts'
import { ensureTopic } from '../../../core/adapters/kafka/topic.ts'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import type { Offset } from '../../../core/ids.ts'
import { kafkaGroupFeed } from '../../../pipelines/adapters/kafka/kafka-feed.ts'
import { historyFeed } from '../../../pipelines/runtime/emit/history-feed.ts'
import { mulberry32 } from '../../seed/random.ts'
import { type Cluster, createCluster, serversOf } from '../../test/support/cluster.ts'
import { inRequests, sendAll } from '../../test/support/sender.ts'
import { runCommand, temporaryFolder } from '../../test/support/server.ts'
import { manyShops, type Sending, traffic } from '../../test/support/traffic.ts'

const shops = manyShops(3)
const partitions = 2
const out = temporaryFolder()
let cluster: Cluster
let sendings: readonly Sending[]

beforeAll(async () => {
  cluster = await createCluster({
    servers: serversOf(process.env),
    roles: { gateway: 1, collector: 1, worker: 1, maintenance: 1 },
    partitions,
  })
  await cluster.addShops(shops)
  sendings = traffic({ seed: 3, count: 1_500, now: Date.now() - 60_000, of: shops, over: 'few days' })
  await sendAll(inRequests([...sendings], mulberry32(3), 40), {
    url: () => cluster.collectorUrl(),
    keyOf: cluster.writeKey,
  })
  await cluster.settle(240_000)
}, 300_000)
afterAll(async () => {
  await cluster?.remove()
  out.remove()
})

const emit = async (...args: string[]) => {
  const env = { ...cluster.env, HITLAKE_URL: cluster.gatewayUrl() }
  const { code, stdout, stderr } = await runCommand(
    ['emit', 'hits', '--snapshot', 'latest', '--rate', '100000', '--json', ...args],
    env,
  ).ended
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as { hits: number; state: string; emission: string }
}

it('writes what shops see as hits into a file, and the same into a topic, once each by position', async () => {
  const { accepted, duplicates, dropped } = (await cluster.books()) as unknown as Record<string, number> & {
    dropped: Record<string, number>
  }
  const lost = Object.values(dropped ?? {}).reduce((sum, count) => sum + count, 0)
  const path = join(out.path, 'all.ndjson')
  const file = await emit('--to', path)
  expect(file).toMatchObject({ state: 'done', hits: (accepted ?? 0) - (duplicates ?? 0) - lost })
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const places = lines.map((line) => {
    const { source, partition, offset, index, id } = JSON.parse(line) as Record<string, string | number>
    return `${source} ${partition} ${offset} ${index} ${id}`
  })
  expect(new Set(places).size).toBe(file.hits)

  const topic = `${cluster.env.HITLAKE_KAFKA_TOPIC}-history`
  const emitted = await emit('--to', `kafka:${topic}`)
  expect(emitted).toMatchObject({ state: 'done', hits: file.hits })
  expect(await emit('--to', `kafka:${topic}`)).toEqual(emitted)

  const brokers = (cluster.env.HITLAKE_KAFKA_BROKERS ?? '').split(',')
  const kafka = createKafka({ brokers, clientId: 'hitlake-test', say: () => {} })
  const { source } = await ensureTopic(kafka, { topic, partitions, replication: 1, retentionMs: 3_600_000 })
  const group = await kafkaGroupFeed({
    ...{ kafka, topic, source, partitions, groupId: `${topic}-test`, sessionTimeoutMs: 6_000 },
    ...{ timers: systemTimers, say: () => {} },
  })
  try {
    const history = historyFeed({ feed: group.feed, emission: emitted.emission, clock: systemClock })
    const found: string[] = []
    for (const partition of history.partitions) {
      const from = { next: 0 as Offset, last: null }
      for await (const { entries } of history.read(partition, from, new AbortController().signal)) {
        for (const { hit } of entries) {
          const { partition: at, offset, index } = hit.position
          found.push(`${hit.source} ${at} ${offset} ${index} ${hit.id}`)
        }
      }
    }
    expect(found.sort()).toEqual(places.sort())
  } finally {
    await group.close()
  }
})
