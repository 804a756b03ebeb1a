import { afterEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { EngineUnavailableError, RollbackRefusedError, SnapshotNotFoundError } from '../../core/errors.ts'
import type { RerunQuestion } from '../../core/ports/rerun-service.ts'
import {
  answeredWithinMs,
  answerUpkeep,
  askUpkeep,
  requestKeepMs,
  takenWithinMs,
  upkeepFolder,
  upkeepPollMs,
} from './upkeep-requests.ts'

const clock = new ManualClock(1_700_000_000_000)
const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop()
})

function rig() {
  const objects = memoryObjectStore()
  const options = { objects, clock, timers: clock }
  const done: string[] = []
  const calls = (by: string): Parameters<typeof answerUpkeep>[0]['calls'] => ({
    async planRerun(question) {
      done.push(`${by}: plan ${question.pipeline}`)
      throw new SnapshotNotFoundError('hits', question.snapshot)
    },
    async expire(table, mode) {
      done.push(`${by}: expire ${table} ${mode}`)
      return { snapshots: ['1'], files: 2, bytes: 3 }
    },
    removeOrphans: async () => null,
    compact: async () => [],
    async rollback(table, snapshot) {
      throw new RollbackRefusedError(table, snapshot, 'no')
    },
  })
  const answer = (by: string, change: Partial<Parameters<typeof answerUpkeep>[0]> = {}) =>
    running.push(
      answerUpkeep({
        ...options,
        calls: calls(by),
        holds: async () => true,
        onError: (error) => done.push(String(error)),
        ...change,
      }),
    )
  const asked = askUpkeep({ ...options, random: seededRandom(1) })
  return { objects, answer, asked, done, calls }
}

/** Lets `ms` pass in steps of the poll. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= upkeepPollMs) {
    for (let n = 0; n < 50; n++) await Promise.resolve()
    clock.advance(Math.min(left, upkeepPollMs))
  }
  for (let n = 0; n < 50; n++) await Promise.resolve()
}

describe('what a gateway asks of maintenance', () => {
  it('is done by one of the processes that may, answered, and leaves nothing behind', async () => {
    const { objects, answer, asked, done } = rig()
    answer('a')
    answer('b')
    const expired = asked.expire('hits', 'dry run')
    await pass(3 * upkeepPollMs)
    expect(await expired).toEqual({ snapshots: ['1'], files: 2, bytes: 3 })
    expect(done).toHaveLength(1)
    expect(await objects.list('')).toEqual([])
  })

  it('is left to the process that holds the lease', async () => {
    const { answer, asked, done } = rig()
    answer('a', { holds: async () => false })
    answer('b', { holds: async (table) => table === 'hits' })
    const expired = asked.expire('hits', 'remove')
    await pass(3 * upkeepPollMs)
    await expired
    expect(done).toEqual(['b: expire hits remove'])
  })

  it('is refused as it would be there, with the same error', async () => {
    const { answer, asked } = rig()
    answer('a')
    const refused = asked.rollback('hits', '7', 'roll back').catch((error: unknown) => error)
    await pass(3 * upkeepPollMs)
    expect(await refused).toBeInstanceOf(RollbackRefusedError)
    expect(await refused).toMatchObject({ code: 'rollback_refused', table: 'hits', snapshot: '7' })
  })

  it('to plan a rerun is any process’s to answer, and unavailable where none does', async () => {
    const { answer, asked, done } = rig()
    const question = { pipeline: 'hits', snapshot: '7' } as RerunQuestion
    const nobody = asked.planRerun(question).catch((error: unknown) => error)
    await pass(takenWithinMs + upkeepPollMs)
    expect(await nobody).toBeInstanceOf(EngineUnavailableError)
    answer('a', { holds: async () => false })
    const refused = asked.planRerun(question).catch((error: unknown) => error)
    await pass(3 * upkeepPollMs)
    expect(await refused).toBeInstanceOf(SnapshotNotFoundError)
    expect(done).toEqual(['a: plan hits'])
  })

  it('says not now: where they say so, and where nobody takes it in time', async () => {
    const { objects, answer, asked, done } = rig()
    const nobody = asked.compact('hits', 'rewrite')
    await pass(takenWithinMs - upkeepPollMs)
    expect(await objects.list('')).toHaveLength(1)
    await pass(upkeepPollMs)
    expect(await nobody).toBeNull()
    expect(await objects.list('')).toEqual([])
    answer('a')
    const orphans = asked.removeOrphans('hits', 'remove')
    await pass(3 * upkeepPollMs)
    expect(await orphans).toBeNull()
    expect(done).toEqual([])
  })

  it('is not waited for without end', async () => {
    const { answer, asked, calls } = rig()
    let finish = () => {}
    const slow = new Promise<never[]>((resolve) => {
      finish = () => resolve([])
    })
    answer('a', { calls: { ...calls('a'), compact: () => slow } })
    let outcome: unknown = 'waits'
    void asked.compact('hits', 'rewrite').then((value) => {
      outcome = value
    })
    await pass(answeredWithinMs - upkeepPollMs)
    expect(outcome).toBe('waits')
    await pass(upkeepPollMs)
    expect(outcome).toBeNull()
    finish()
  })

  it('is not begun after its gateway has given up, and what a dead one left goes', async () => {
    const { objects, answer, done } = rig()
    const at = clock.now()
    const asked = `${upkeepFolder}${String(at).padStart(14, '0')}-00ff.asked.json`
    await objects.put(asked, Buffer.from(JSON.stringify({ call: 'expire', args: ['hits', 'remove'] })))
    clock.advance(takenWithinMs)
    answer('a')
    await pass(2 * upkeepPollMs)
    expect(done).toEqual([])
    await pass(at + requestKeepMs - clock.now() - upkeepPollMs)
    expect(await objects.list('')).toEqual([asked])
    await pass(2 * upkeepPollMs)
    expect(await objects.list('')).toEqual([])
  })
})
