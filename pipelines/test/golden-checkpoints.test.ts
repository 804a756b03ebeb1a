/**
 * Checkpoints that a release wrote, which every later one opens and goes on from. The files are never made again: a form that
 * changes gets a file of its own beside them, and the hash of each is here, so none can be replaced without a look.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Offset } from '../../core/ids.ts'
import { decodeCheckpoint } from '../../schemas/avro/checkpoint.ts'
import type { Pipeline } from '../plan/draft.ts'
import { fixedCount, hoppingDistinct, sessions, stateless } from '../plan/golden/plans.ts'
import { goOnFrom, makeCheckpoint } from './support/golden-checkpoints.ts'
import { batch, booksOf, createWorld, drain, hit, push, pushBytes, type World } from './support/world.ts'

const folder = new URL('../../schemas/avro/golden/', import.meta.url)
const golden = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const bytesOf = (name: string) => Buffer.from(golden(`${name}.base64`), 'base64')

/** SHA-256 of the bytes. */
const hashes = {
  'stateless.v1': '1d896aeed16808e41d8c6b43c5bc7540cc0389e3c23b41921bc67d6b87cb7877',
  'fixed-count.v1': '21d0d0165555ccc1c5b79949620653ade404c216256d7501ef93c1bb88167492',
  'hopping-distinct.v1': 'b04530034310584161ca8882fcd4fb27ab859a1b19b03e6f020d6a54b80c14f0',
  'visits.v1': '1049936f75cf0def0ca26918b5fd0cde7f5b2c4b047ffa864309ad645daf2b6c',
  'hits.v1': '1a2df61ff36cf59a46857eab76799acb03d462874ab2b3de65f1d1fdf12373ef',
} as const

describe('a checkpoint of an earlier release', () => {
  it.each(Object.entries(hashes))('%s is the one it was', (name, hash) => {
    expect(createHash('sha256').update(bytesOf(name)).digest('hex')).toBe(hash)
  })

  it.each([
    ['stateless.v1', stateless],
    ['fixed-count.v1', fixedCount],
    ['hopping-distinct.v1', hoppingDistinct],
    ['visits.v1', sessions],
  ] as const)('%s is gone on from', async (name, plan: Pipeline) => {
    const bytes = bytesOf(name)
    const { job, source, partition, next } = decodeCheckpoint(name, bytes)
    expect({ job, source, partition, next }).toEqual({ job: plan.plan.name, source: 'log-1', partition: 0, next: 9 })
    const given = golden(`${name}.after.txt`).trimEnd().split('\n')
    expect(await goOnFrom(plan, bytes)).toEqual(given)
    // What is written today says the same.
    expect(await goOnFrom(plan, await makeCheckpoint(plan))).toEqual(given)
  })

  it('hits.v1 knows the hits of before', async () => {
    const world = await createWorld()
    sendHits(world)
    const checkpoint = 'checkpoints/hits/0/of-before.avro'
    await world.objects.put(checkpoint, bytesOf('hits.v1'))
    const { fence } = await world.store.acquirePartitions('hits', 'log-1', 'before', [0])
    const position = { partition: 0, next: 3 as Offset, checkpoint, watermark: 0, received: 0, forwarded: {} }
    const partitions = [{ ...position, from: 0 as Offset }]
    const commit = { job: 'hits', source: 'log-1', plan: 'p', fence, partitions, staged: [], touched: [], books: [] }
    await world.store.commitEpoch(commit)
    push(world, [batch(['a', 'b', 'c', 'd'].map((id) => hit({ id })))])
    await drain(world)
    expect(await booksOf(world)).toMatchObject({ stored: 1, duplicates: 3 })
  })
})

/** What the checkpoint of `hits` was made of. */
function sendHits(world: World): void {
  push(world, [batch([hit({ id: 'a' }), hit({ id: 'b' })])])
  pushBytes(world, Buffer.from('poison'))
  push(world, [batch([hit({ id: 'c' }), hit({ id: 'a' })])])
}
