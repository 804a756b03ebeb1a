/** Plans that keep windows, as a stream: what time brings about without hits. */
import { describe, expect, it } from 'vitest'
import { StaleEpochError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { EpochCommit } from '../../core/ports/control-store.ts'
import { minutePipeline } from '../test/support/minute-plans.ts'
import { commit, minute, panesOf, pass, second, send, started, turns } from '../test/support/stream-under-test.ts'
import { windowPipeline } from '../test/support/window-plans.ts'
import { at, batch, createWorld, during, hit, push, receivedAt, until } from '../test/support/world.ts'
import { timeRetryMs } from './runner-options.ts'

describe('time that passes without hits', () => {
  const plan = minutePipeline({ early: { every: '10s' } })

  it('brings early panes, in an epoch that moves nothing and is checkpointed', async () => {
    const world = await createWorld()
    const { runner, commits, facts } = await started(world, { plan })
    send(world, 0, { id: 'a' }, { id: 'b' })
    await commit(runner, 1)
    await pass(world, 10 * second - 1)
    expect(await panesOf(world)).toEqual([])
    await pass(world, 1)
    expect(await panesOf(world)).toEqual(['page_view early 0 2'])
    const [first, second_] = commits
    expect(second_?.partitions).toMatchObject([
      { partition: 0, from: 1, next: 1, checkpoint: 'checkpoints/minutes/0/0000000000000001.1-1.avro' },
    ])
    expect(second_?.books).toEqual([])
    expect(first?.partitions[0]?.checkpoint).toBe('checkpoints/minutes/0/0000000000000001-1.avro')
    expect(await world.objects.list('checkpoints/')).toEqual([second_?.partitions[0]?.checkpoint])
    expect(facts.map(({ records }) => records)).toEqual([1, 0])
    await pass(world, 20 * second)
    expect(commits).toHaveLength(2)
    await runner.stop()
  })

  it('closes windows by the clock, less the delay, where the feed has nothing more; then no timer is left', async () => {
    const world = await createWorld()
    const { runner, commits } = await started(world, { plan: minutePipeline() })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await pass(world, 70 * second - 1)
    expect(commits).toHaveLength(1)
    await pass(world, 1)
    expect(await panesOf(world)).toEqual(['page_view on time 0 1'])
    expect(commits[1]?.partitions).toMatchObject([{ from: 1, next: 1, watermark: at(minute) }])
    expect(world.clock.pendingTimers).toBe(1)
    await runner.stop()
  })

  it('is followed by nothing: panes that are committed bring no further epoch, not even when the runner stops', async () => {
    const world = await createWorld()
    const { runner, commits } = await started(world, { plan })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await pass(world, 10 * second)
    await runner.stop()
    expect(commits.map(({ staged }) => staged.length)).toEqual([0, 1])
  })

  it('wakes for the partition whose windows close first, whatever the others wait for', async () => {
    const world = await createWorld({ partitions: [0, 1] })
    const { runner } = await started(world, { plan: minutePipeline() })
    send(world, 0, { id: 'a' })
    const later = 10 * minute
    push(world, [batch([hit({ id: 'b', time: at(later) })], { received: receivedAt(later) })], 1)
    await until(() => {
      runner.kick()
      return runner.positions.length === 2 && runner.positions.every(({ next }) => next === 1)
    })
    await pass(world, 70 * second)
    expect(await panesOf(world)).toEqual(['page_view on time 0 1'])
    await runner.stop()
  })

  it('closes nothing while the feed has more of the partition, whose hits would be too late', async () => {
    const world = await createWorld()
    let hold = false
    const feed = {
      ...world.feed,
      async read(partition: number, from: Offset) {
        const reader = await world.feed.read(partition, from)
        const next: typeof reader.next = async (options) => {
          const records = await reader.next(options)
          await until(() => !hold)
          return records
        }
        return { ...reader, next }
      },
    }
    const { runner } = await started(world, { plan: minutePipeline(), feed })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    hold = true
    send(world, 30 * second, { id: 'b' })
    await pass(world, 10 * minute)
    expect(await panesOf(world)).toEqual([])
    hold = false
    await turns(10)
    await pass(world, timeRetryMs)
    await until(() => {
      world.clock.advance(timeRetryMs)
      return runner.positions[0]?.watermark === at(minute) || (runner.positions[0]?.watermark ?? 0) > at(minute)
    })
    expect(await panesOf(world)).toEqual(['page_view on time 0 2'])
    await runner.stop()
  })

  it('is waited for without asking anew and anew, also while the bounds of a session that was cut are kept', async () => {
    const world = await createWorld()
    let asked = 0
    const feed = {
      ...world.feed,
      end: (partition: number) => {
        asked += 1
        return world.feed.end(partition)
      },
    }
    const visits = { window: 'session', panes: 'accumulating', early: null, late: null, onClose: 'always' } as const
    const { runner } = await started(world, { plan: windowPipeline(visits), feed })
    // Cut an hour after the first, and the one that goes on at the full hour.
    for (let n = 0; n < 14; n++) send(world, n * 10 * minute, { id: `${n}` })
    await commit(runner, 14)
    for (let n = 0; n < 3_600; n++) await pass(world, minute)
    expect(await panesOf(world)).toHaveLength(3)
    expect(world.clock.pendingTimers).toBe(1)
    // Each closes once and goes once.
    expect(asked).toBe(6)
    await runner.stop()
  })

  it('brings panes about for the next owner, where the one before left', async () => {
    const world = await createWorld()
    const { runner } = await started(world, { plan })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await runner.stop()
    const next = await started(world, { plan })
    await turns(5)
    await pass(world, 10 * second)
    expect(await panesOf(world)).toEqual(['page_view early 0 1'])
    expect(next.commits).toHaveLength(1)
    await next.runner.stop()
  })

  it('commits nothing under an old fence', async () => {
    const world = await createWorld()
    const { runner } = await started(world, { plan })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await world.store.acquirePartitions('minutes', 'log-1', 'other', [0])
    await pass(world, 10 * second)
    await runner.ended
    expect(runner.error).toBeInstanceOf(StaleEpochError)
    expect(await panesOf(world)).toEqual([])
  })

  it('never removes the files of panes whose commit is in doubt and from which another owner went on', async () => {
    const world = await createWorld()
    let once = true
    const store = {
      ...world.store,
      commitEpoch: async (epoch: EpochCommit) => {
        const done = await world.store.commitEpoch(epoch)
        if (epoch.partitions[0]?.from === epoch.partitions[0]?.next && once) {
          once = false
          const other = await started(world, { plan, owner: 'newer' })
          await pass(world, 70 * second)
          await until(() => other.commits.length > 0)
          await other.runner.stop()
          throw new Error('connection lost')
        }
        return done
      },
    }
    const { runner } = await started(world, { plan, store })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await pass(world, 10 * second)
    await until(() => !once)
    await during(
      world,
      until(() => (runner.positions[0]?.watermark ?? 0) >= at(minute)),
    )
    expect(await panesOf(world)).toEqual(['page_view early 0 1', 'page_view on time 1 1'])
    await during(world, runner.stop())
  })
})
