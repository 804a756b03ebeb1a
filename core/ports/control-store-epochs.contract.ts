/** The contract of jobs, epochs and versions; registered by `controlStoreContract`. */
import { describe, expect, it } from 'vitest'
import { StaleEpochError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { type ControlStoreUnderTest, merchantId } from './control-store.contract.ts'
import type { ControlStore, EpochCommit, JobPosition } from './control-store.ts'
import type { StagedFile } from './lake.ts'

export const offset = (value: number) => value as Offset

export function fileOf(name: string, more: Partial<StagedFile> = {}): StagedFile {
  return { name, table: 'hits', rows: 10, bytes: 1_000, firstDay: 20_000, lastDay: 20_001, ...more }
}

export function positionOf(partition: number, next: number, more: Partial<JobPosition> = {}): JobPosition {
  return { partition, next: offset(next), checkpoint: null, watermark: null, received: null, forwarded: {}, ...more }
}

/** An epoch of job `hits` over one partition. */
export function epochOf(fence: number, from: number, next: number, more: Partial<EpochCommit> = {}): EpochCommit {
  return {
    job: 'hits',
    source: 'feed-1',
    plan: 'plan-1',
    fence,
    partitions: [{ ...positionOf(0, next), from: offset(from) }],
    staged: [],
    touched: [],
    books: [],
    ...more,
  }
}

const touch = (merchant: string, day: number) => ({ merchant: merchantId(merchant), day })

/** Everything an epoch can change, to see that it did or did not. */
export async function allOf(store: ControlStore): Promise<unknown> {
  return {
    views: await Promise.all((['hits', 'failed_hits', 'hourly'] as const).map((table) => store.tableView(table))),
    versions: await store.versionsSince(0),
    books: await store.books({ from: 0, to: Number.MAX_SAFE_INTEGER }),
  }
}

export function epochsContract(under: ControlStoreUnderTest): void {
  describe('jobs and epochs', () => {
    it('starts a job without positions and gives them back as committed', async () => {
      const store = await under.open()
      const { fence, positions } = await store.acquirePartitions('hits', 'feed-1', 'me', [0, 3])
      expect(positions).toEqual([])
      const moved = [
        positionOf(0, 7, {
          checkpoint: 'checkpoints/a',
          watermark: 1_700_000_000_000,
          received: 1_700_000_060_000,
          forwarded: { 'log-1': 5, 'l" {}': 2 ** 52 },
        }),
        positionOf(3, 2 ** 52),
      ]
      await store.commitEpoch(
        epochOf(fence, 0, 0, { partitions: moved.map((position) => ({ ...position, from: offset(0) })) }),
      )
      expect((await store.acquirePartitions('hits', 'feed-1', 'me', [3, 1, 0])).positions).toEqual(moved)
      expect((await store.acquirePartitions('hits', 'feed-1', 'me', [3])).positions).toEqual([moved[1]])
      expect((await store.versionsSince(0)).positions).toEqual(moved.map((position) => ({ ...position, job: 'hits' })))
    })

    it('takes an epoch that moves nothing, its file and its checkpoint, and refuses it under an old fence', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      await store.commitEpoch(epochOf(fence, 0, 5))
      const again = (checkpoint: string) => {
        const position = positionOf(0, 5, { checkpoint, watermark: 1_700_000_000_000 })
        return { partitions: [{ ...position, from: offset(5) }], staged: [fileOf(`staged/${checkpoint}`)] }
      }
      for (const checkpoint of ['a', 'b']) await store.commitEpoch(epochOf(fence, 5, 5, again(checkpoint)))
      const taken = await store.acquirePartitions('hits', 'feed-1', 'other', [0])
      expect(taken.positions).toMatchObject([{ next: 5, checkpoint: 'b', watermark: 1_700_000_000_000 }])
      await expect(store.commitEpoch(epochOf(fence, 5, 5, again('c')))).rejects.toThrow(StaleEpochError)
      expect((await store.unpublished('hits')).map(({ name }) => name)).toEqual(['staged/a', 'staged/b'])
    })

    it('keeps positions of jobs and of feed incarnations apart', async () => {
      const store = await under.open()
      const hits = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const other = await store.acquirePartitions('other', 'feed-1', 'me', [0])
      await store.commitEpoch(epochOf(hits.fence, 0, 5))
      await store.commitEpoch(epochOf(other.fence, 0, 9, { job: 'other' }))
      expect((await store.acquirePartitions('hits', 'feed-2', 'me', [0])).positions).toEqual([])
      expect((await store.acquirePartitions('hits', 'feed-1', 'me', [0])).positions).toEqual([positionOf(0, 5)])
      expect((await store.versionsSince(0)).positions).toEqual([
        { ...positionOf(0, 5), job: 'hits' },
        { ...positionOf(0, 9), job: 'other' },
      ])
    })

    it('raises the fence with every call, over all owners, partitions and sources', async () => {
      const store = await under.open()
      const fences = []
      for (const [owner, source, partitions] of [
        ['a', 'feed-1', [0]],
        ['b', 'feed-1', [1, 2]],
        ['b', 'feed-1', [1, 2]],
        ['a', 'feed-2', [0]],
      ] as const) {
        fences.push((await store.acquirePartitions('hits', source, owner, partitions)).fence)
      }
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    })

    it('draws a fence for each of many callers at once', async () => {
      const store = await under.open()
      const calls = [[0], [1], [1, 0], [2, 1]].map((these) => store.acquirePartitions('hits', 'feed-1', 'me', these))
      expect(new Set((await Promise.all(calls)).map(({ fence }) => fence)).size).toBe(4)
    })

    it('refuses to acquire nothing, the same twice, or what is no partition', async () => {
      const store = await under.open()
      for (const wrong of [[], [0, 0], [-1], [0.5]]) {
        await expect(store.acquirePartitions('hits', 'feed-1', 'me', wrong)).rejects.toThrow(RangeError)
      }
    })

    // partition 0:  a ------------ commit
    // partition 1:      b ---- commit
    it('lets owners of different partitions both commit', async () => {
      const store = await under.open()
      const a = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      const b = await store.acquirePartitions('hits', 'feed-1', 'b', [1])
      await store.commitEpoch(epochOf(b.fence, 0, 0, { partitions: [{ ...positionOf(1, 4), from: offset(0) }] }))
      await store.commitEpoch(epochOf(a.fence, 0, 5))
      expect((await store.versionsSince(0)).positions.map(({ partition, next }) => [partition, next])).toEqual([
        [0, 5],
        [1, 4],
      ])
    })

    // owner a:  acquire 0, 1 ------------------ epoch of 0 -> commits
    //                                           epoch of 1, epoch of 0 and 1 -> refused
    // owner b:              acquire 1, 2 ------ epoch of 1 -> commits
    it('makes stale, of an owner who lost a partition, the epochs that move it, and no others', async () => {
      const store = await under.open()
      const move = (partition: number, from: number, next: number) => ({
        ...positionOf(partition, next),
        from: offset(from),
      })
      const a = await store.acquirePartitions('hits', 'feed-1', 'a', [0, 1])
      const b = await store.acquirePartitions('hits', 'feed-1', 'b', [1, 2])
      const before = await allOf(store)
      for (const partitions of [[move(1, 0, 1)], [move(0, 0, 1), move(1, 0, 1)], [move(2, 0, 1)], [move(3, 0, 1)]]) {
        await expect(store.commitEpoch(epochOf(a.fence, 0, 0, { partitions }))).rejects.toThrow(StaleEpochError)
      }
      expect(await allOf(store)).toEqual(before)
      await store.commitEpoch(epochOf(a.fence, 0, 0, { partitions: [move(0, 0, 1)] }))
      await store.commitEpoch(epochOf(b.fence, 0, 0, { partitions: [move(1, 0, 2), move(2, 0, 2)] }))
      await store.commitEpoch(epochOf(a.fence, 0, 0, { partitions: [move(0, 1, 3)] }))
    })

    it('refuses the fence of another job, even where both jobs have drawn it', async () => {
      const store = await under.open()
      let hits = 0
      for (let i = 0; i < 3; i++) hits = (await store.acquirePartitions('hits', 'feed-1', 'me', [0])).fence
      const other = (await store.acquirePartitions('other', 'feed-1', 'me', [0, 1])).fence
      await expect(store.commitEpoch(epochOf(hits, 0, 1, { job: 'other' }))).rejects.toThrow(StaleEpochError)
      await expect(store.commitEpoch(epochOf(other, 0, 1))).rejects.toThrow(StaleEpochError)
      await store.commitEpoch(epochOf(other, 0, 1, { job: 'other' }))
    })

    it('numbers commits, each above the one before, over all jobs', async () => {
      const store = await under.open()
      const a = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const b = await store.acquirePartitions('other', 'feed-1', 'me', [0])
      const commits = []
      for (let from = 0; from < 3; from++) {
        commits.push((await store.commitEpoch(epochOf(a.fence, from, from + 1))).commit)
        commits.push((await store.commitEpoch(epochOf(b.fence, from, from + 1, { job: 'other' }))).commit)
      }
      expect(commits).toEqual([...new Set(commits)].sort((x, y) => x - y))
      expect((await store.versionsSince(0)).commit).toBe(commits.at(-1))
    })

    // owner A:  acquire ---- epoch ------------------- commit  -> refused
    // owner B:            ------------ acquire -
    it('refuses the epoch of an owner that was overtaken, and changes nothing', async () => {
      const store = await under.open()
      const stale = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      const live = await store.acquirePartitions('hits', 'feed-1', 'b', [0])
      const full = {
        staged: [fileOf('f')],
        touched: [touch('a', 1)],
        books: [
          { merchant: merchantId('a'), hour: 0, accepted: 0, stored: 1, duplicates: 1, failed: 1, dropped: { bot: 1 } },
        ],
      }
      const before = await allOf(store)
      await expect(store.commitEpoch(epochOf(stale.fence, 0, 1, full))).rejects.toThrow(StaleEpochError)
      await expect(store.commitEpoch(epochOf(live.fence + 1, 0, 1, full))).rejects.toThrow(StaleEpochError)
      await expect(store.commitEpoch(epochOf(live.fence, 0, 1, { ...full, job: 'new' }))).rejects.toThrow(
        StaleEpochError,
      )
      await expect(store.commitEpoch(epochOf(live.fence, 0, 1, { ...full, source: 'feed-2' }))).rejects.toThrow(
        StaleEpochError,
      )
      expect(await allOf(store)).toEqual(before)
      await store.commitEpoch(epochOf(live.fence, 0, 1, full))
    })

    it('refuses an epoch that starts elsewhere than the last one ended, and changes nothing', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      await store.commitEpoch(epochOf(fence, 0, 5, { staged: [fileOf('first')] }))
      const before = await allOf(store)
      for (const from of [0, 4, 6]) {
        await expect(store.commitEpoch(epochOf(fence, from, 9, { staged: [fileOf('f')] }))).rejects.toThrow(
          StaleEpochError,
        )
      }
      expect(await allOf(store)).toEqual(before)
    })

    it('moves all partitions of an epoch or none', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'a', [0, 1])
      const half = [
        { ...positionOf(0, 5), from: offset(0) },
        { ...positionOf(1, 5), from: offset(3) },
      ]
      await expect(store.commitEpoch(epochOf(fence, 0, 0, { partitions: half }))).rejects.toThrow(StaleEpochError)
      expect((await store.acquirePartitions('hits', 'feed-1', 'a', [0])).positions).toEqual([])
    })

    it('lets one of two equal epochs at once commit', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      const calls = [1, 2, 3].map((n) => store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf(`f${n}`)] })))
      const outcomes = await Promise.allSettled(calls)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await store.unpublished('hits')).toHaveLength(1)
    })

    it('refuses a staged file that is committed already, and changes nothing', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      await store.commitEpoch(epochOf(fence, 0, 1, { staged: [fileOf('f')] }))
      const before = await allOf(store)
      const again = epochOf(fence, 1, 2, { staged: [fileOf('g'), fileOf('f')], touched: [touch('a', 1)] })
      await expect(store.commitEpoch(again)).rejects.toThrow(RangeError)
      const elsewhere = epochOf(fence, 1, 2, { staged: [fileOf('f', { table: 'hourly' })] })
      await expect(store.commitEpoch(elsewhere)).rejects.toThrow(RangeError)
      expect(await allOf(store)).toEqual(before)
    })

    it('refuses an epoch that contradicts itself', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'a', [0])
      const twice = [0, 0].map((partition) => ({ ...positionOf(partition, 5), from: offset(0) }))
      for (const wrong of [
        epochOf(fence, 0, -1),
        epochOf(fence, 0, 0.5),
        epochOf(fence, 0, 0, { partitions: twice }),
        epochOf(fence, 0, 0, { partitions: [] }),
        epochOf(fence, 0, 1, { staged: [fileOf('f'), fileOf('f')] }),
      ]) {
        await expect(store.commitEpoch(wrong)).rejects.toThrow(RangeError)
      }
      expect((await store.versionsSince(0)).commit).toBe(0)
    })
  })

  describe('versions', () => {
    it('lists each changed (merchant, day) once, with the commit that changed it last', async () => {
      const store = await under.open()
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const first = await store.commitEpoch(
        epochOf(fence, 0, 1, { touched: [touch('a', 1), touch('a', 2), touch('b', 1)] }),
      )
      const second = await store.commitEpoch(epochOf(fence, 1, 2, { touched: [touch('a', 1), touch('a', 1)] }))
      const listed = async (since: number) => {
        const { changes, reset, commit } = await store.versionsSince(since)
        expect([reset, commit]).toEqual([false, second.commit])
        return changes.map(({ merchant, day, version }) => `${merchant} ${day} ${version}`).sort()
      }
      expect(await listed(0)).toEqual([`a 1 ${second.commit}`, `a 2 ${first.commit}`, `b 1 ${first.commit}`])
      expect(await listed(first.commit)).toEqual([`a 1 ${second.commit}`])
      expect(await listed(second.commit)).toEqual([])
    })

    it('says reset to a reader further behind than it lists, and everything to one that is not', async () => {
      const store = await under.open({ maxVersions: 10 })
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const commits: number[] = []
      for (let from = 0; from < 30; from++) {
        const touched = [touch(`m${from}`, 1), touch(`m${from}`, 2)]
        commits.push((await store.commitEpoch(epochOf(fence, from, from + 1, { touched }))).commit)
      }
      expect((await store.versionsSince(0)).reset).toBe(true)
      let listed = 0
      for (const [index, since] of commits.entries()) {
        const { reset, changes } = await store.versionsSince(since)
        if (reset) continue
        listed += 1
        expect(changes).toHaveLength(2 * (29 - index))
      }
      expect(listed).toBeGreaterThanOrEqual(4)
      expect(listed).toBeLessThanOrEqual(6)
    })

    it('takes an epoch that touches more than it lists', async () => {
      const store = await under.open({ maxVersions: 10 })
      const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
      const touched = Array.from({ length: 5_000 }, (_, day) => touch('a', day))
      const { commit } = await store.commitEpoch(epochOf(fence, 0, 1, { touched }))
      expect(await store.versionsSince(0)).toMatchObject({ commit, reset: true, changes: [] })
      expect(await store.versionsSince(commit)).toMatchObject({ commit, reset: false, changes: [] })
    })

    it('says reset to a reader that is ahead of it: the store was replaced by an older one', async () => {
      const store = await under.open()
      expect(await store.versionsSince(1)).toMatchObject({ commit: 0, reset: true, changes: [] })
    })
  })
}
