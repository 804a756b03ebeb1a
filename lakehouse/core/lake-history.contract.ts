/** What every lake promises of how its snapshots differ, and of the way back, as tests. `open` gives a lake on empty stores. */
import { describe, expect, it } from 'vitest'
import { CommitConflictError, SnapshotNotFoundError } from '../../core/errors.ts'
import { dayMs, eventTime, utcDay } from '../../core/event-time.ts'
import { hitRow } from '../../core/ports/lake.contract.ts'
import type { LakeMaintainer, LakeReader, LakeWriter } from '../../core/ports/lake.ts'
import type { LakeHistory, PartitionChange } from '../../core/ports/lake-history.ts'
import type { LakeRow } from '../../core/tables.ts'

export interface LakeHistoryUnderTest {
  open(): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> &
      Pick<LakeReader, 'currentSnapshot' | 'snapshots'> &
      Pick<LakeMaintainer, 'lastPublish' | 'rewrite'> &
      LakeHistory
    /** All rows of the snapshot of `hits`, as they read back. */
    rows(snapshot: string): Promise<readonly LakeRow[]>
  }>
}

const noon = eventTime('2026-03-01T12:00:00Z')
const first = { generation: 1, period: utcDay(noon) }
const second = { generation: 1, period: utcDay(noon) + 1 }

export function lakeHistoryContract(name: string, under: LakeHistoryUnderTest): void {
  async function opened() {
    const { lake, rows } = await under.open()
    let next = 0
    /** Hits of these merchants and days after the first. */
    async function publish(id: number, ...hits: readonly (readonly [merchant: string, day: number])[]) {
      const given = hits.map(([merchant, day]) =>
        hitRow({ id: String(next), merchant, time: noon + day * dayMs, _off: next++ }),
      )
      return (await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, given)])).snapshot
    }
    const ids = async (snapshot: string) => (await rows(snapshot)).map(({ id }) => String(id)).sort()
    return { lake, ids, publish }
  }
  const rowsOf = (changes: readonly PartitionChange[]) =>
    changes.map(({ partition, added, removed }) => [partition, added.rows, removed.rows])

  describe(`history, ${name}`, () => {
    it('says of two snapshots which partitions differ, and by how many files and rows', async () => {
      const { lake, publish } = await opened()
      const one = await publish(1, ['shop', 0], ['shop', 0])
      const two = await publish(2, ['shop', 0], ['lamps', 1])
      const there = await lake.changes('hits', one, two)
      expect(rowsOf(there)).toEqual([
        [first, 1, 0],
        [second, 1, 0],
      ])
      expect(there.map(({ added, removed }) => [added.files, removed.files])).toEqual([
        [1, 0],
        [1, 0],
      ])
      expect(rowsOf(await lake.changes('hits', two, one))).toEqual([
        [first, 0, 1],
        [second, 0, 1],
      ])
      expect(await lake.changes('hits', two, two)).toEqual([])
    })

    it('counts a rewrite as as many rows removed as added', async () => {
      const { lake, publish } = await opened()
      await publish(1, ['shop', 0])
      const two = await publish(2, ['shop', 0], ['shop', 1])
      const done = await lake.rewrite('hits', first)
      const changes = await lake.changes('hits', two, done?.snapshot ?? '')
      expect(rowsOf(changes)).toEqual([[first, 2, 2]])
      expect(changes[0]).toMatchObject({ added: { files: 1 }, removed: { files: 2 } })
    })

    it('knows whose days a partition of any of the snapshots holds, each once', async () => {
      const { lake, publish } = await opened()
      const one = await publish(1, ['shop', 0], ['shop', 0])
      const two = await publish(2, ['lamps', 0], ['lamps', 1])
      const days = async (...given: Parameters<typeof lake.daysOf>) =>
        (await lake.daysOf(...given)).map(({ merchant, day }) => `${merchant} ${day - first.period}`).sort()
      expect(await days('hits', [one], [first, second])).toEqual(['shop 0'])
      expect(await days('hits', [one, two], [first])).toEqual(['lamps 0', 'shop 0'])
      expect(await days('hits', [two], [null])).toEqual(['lamps 0', 'lamps 1', 'shop 0'])
      expect(await days('hits', [two], [])).toEqual([])
    })

    it('knows which publications came after a snapshot', async () => {
      const { lake, publish } = await opened()
      const one = await publish(1, ['shop', 0])
      const two = await publish(2, ['shop', 0])
      const rewritten = (await lake.rewrite('hits', first))?.snapshot ?? ''
      const three = await publish(3, ['shop', 0])
      expect(await lake.publishedSince('hits', one, [two, rewritten, three])).toEqual([2, 3])
      expect(await lake.publishedSince('hits', two, [rewritten])).toEqual([])
      expect(await lake.publishedSince('hits', two, [])).toEqual([])
    })

    it('goes back to an earlier snapshot, which is the first from then on and what the next commit follows', async () => {
      const { lake, ids, publish } = await opened()
      await publish(1, ['shop', 0])
      const to = await publish(2, ['shop', 0])
      const before = (await lake.snapshots('hits')).map(({ id }) => id)
      const from = (await lake.rewrite('hits', first))?.snapshot ?? ''
      await lake.rollback('hits', { from, to })
      const [current, ...others] = (await lake.snapshots('hits')).map(({ id }) => id)
      expect(current).toBe(to)
      expect(await lake.currentSnapshot('hits')).toBe(to)
      expect(others).toEqual([expect.any(String), ...before.slice(1)].slice(-others.length))
      expect(others[0]).toBe(from)
      expect(await lake.lastPublish('hits')).toBe(2)
      await lake.rollback('hits', { from, to })
      const next = await publish(3, ['shop', 1])
      expect(await lake.currentSnapshot('hits')).toBe(next)
      expect(await ids(next)).toEqual(['0', '1', '2'])
      expect(rowsOf(await lake.changes('hits', to, next))).toEqual([[second, 1, 0]])
    })

    it('does not go back where the table has moved, or to what it has not', async () => {
      const { lake, publish } = await opened()
      const one = await publish(1, ['shop', 0])
      const two = await publish(2, ['shop', 0])
      await expect(lake.rollback('hits', { from: one, to: '42' })).rejects.toThrow()
      const three = await publish(3, ['shop', 0])
      await expect(lake.rollback('hits', { from: two, to: one })).rejects.toThrow(CommitConflictError)
      expect(await lake.currentSnapshot('hits')).toBe(three)
      await expect(lake.changes('hits', one, '42')).rejects.toThrow(SnapshotNotFoundError)
      await expect(lake.changes('hits', '42', one)).rejects.toThrow(SnapshotNotFoundError)
    })
  })
}
