/** What every lake promises of expiry, as tests. `open` gives a lake on empty stores. */
import { describe, expect, it } from 'vitest'
import { dayMs, eventTime, utcDay } from '../../core/event-time.ts'
import { hitRow } from '../../core/ports/lake.contract.ts'
import type { LakeExpiry, LakeMaintainer, LakeReader, LakeWriter } from '../../core/ports/lake.ts'
import type { LakeRow } from '../../core/tables.ts'

export interface LakeExpiryUnderTest {
  open(): Promise<{
    readonly lake: Pick<LakeWriter, 'stage' | 'publish'> &
      Pick<LakeReader, 'snapshots'> &
      Pick<LakeMaintainer, 'lastPublish' | 'rewrite'> &
      LakeExpiry
    /** All rows of the snapshot of `hits`, as they read back. */
    rows(snapshot: string): Promise<readonly LakeRow[]>
    /** Lets enough time pass between two commits that expiry tells them apart. */
    pass(): Promise<void>
  }>
  /** Whether a snapshot says which publication made it, and files can be counted. */
  readonly says: 'all' | 'snapshots only'
  /** `pass` takes the time that passes: the tests wait beside each other. Absent: it moves a clock. */
  readonly time?: 'real'
}

const noon = eventTime('2026-03-01T12:00:00Z')
const partition = { generation: 1, period: utcDay(noon) }

export function lakeExpiryContract(name: string, under: LakeExpiryUnderTest): void {
  async function opened(publications: number) {
    const { lake, rows, pass } = await under.open()
    const before = (await lake.snapshots('hits')).length
    const made: string[] = []
    for (let n = 1; n <= publications; n++) {
      await pass()
      const file = await lake.stage('hits', `staged/${n}`, [hitRow({ id: String(n), _off: n, time: noon + n })])
      made.push((await lake.publish('hits', n, [file])).snapshot)
    }
    await pass()
    const older = (await lake.snapshots('hits')).slice(publications, publications + before).map(({ id }) => id)
    /** All that the lake had before the publications go along: a lake may only take the oldest. */
    const expire = (snapshots: readonly string[], mode: 'remove' | 'dry run' = 'remove') =>
      lake.expire('hits', [...older, ...snapshots], mode)
    const left = async () => (await lake.snapshots('hits')).map(({ id }) => id).filter((id) => made.includes(id))
    return { lake, rows, made, expire, left }
  }
  const ids = (rows: readonly LakeRow[]) => rows.map(({ id }) => String(id)).sort()

  const suite = under.time === 'real' ? describe.concurrent : describe
  suite(`expiry, ${name}`, () => {
    it('takes the snapshots it is given; those that stay read as before', async () => {
      const { rows, made, expire, left } = await opened(4)
      const [one, two, three, four] = made as [string, string, string, string]
      expect((await expire([one, two])).snapshots).toEqual(expect.arrayContaining([one, two]))
      expect(await left()).toEqual([four, three])
      expect(ids(await rows(three))).toEqual(['1', '2', '3'])
      expect(ids(await rows(four))).toEqual(['1', '2', '3', '4'])
      await expect(rows(one)).rejects.toThrow()
    })

    it('says in a dry run what would go, and takes nothing', async () => {
      const { lake, rows, made, expire, left } = await opened(3)
      await lake.rewrite('hits', partition)
      const [one, two, three] = made as [string, string, string]
      const would = await expire([one, two], 'dry run')
      expect(would.snapshots).toEqual(expect.arrayContaining([one, two]))
      expect(await left()).toEqual([three, two, one])
      expect(ids(await rows(one))).toEqual(['1'])
      const did = await expire([one, two])
      if (under.says === 'all') expect(did).toEqual(would)
    })

    it('removes files of rows that were rewritten, and none that a snapshot still names', async () => {
      const { lake, rows, made, expire } = await opened(3)
      await lake.rewrite('hits', partition)
      const [newest] = await lake.snapshots('hits')
      const removed = await expire(made)
      if (under.says === 'all') {
        expect(removed.files).toBeGreaterThanOrEqual(3)
        expect(removed.bytes).toBeGreaterThan(0)
      }
      expect(ids(await rows(newest?.id ?? ''))).toEqual(['1', '2', '3'])
    })

    it('never takes the newest snapshot, and passes over what is not there', async () => {
      const { lake, made, expire, left, rows } = await opened(2)
      await expire([...made, '123456789'])
      expect(await left()).toEqual([made[1]])
      expect(await expire(made)).toMatchObject({ snapshots: [], files: 0 })
      expect(ids(await rows(made[1] ?? ''))).toEqual(['1', '2'])
      expect(await lake.expire('failed_hits', ['1'], 'remove')).toMatchObject({ snapshots: [], files: 0 })
    })

    it('leaves a publication that is repeated where it was: its rows are there once', async () => {
      const { lake, rows, made, expire } = await opened(3)
      await expire(made.slice(0, 2))
      const again = await lake.stage('hits', 'staged/3', [hitRow({ id: '3', _off: 3, time: noon + 3 })])
      expect((await lake.publish('hits', 3, [again])).snapshot).toBe(made[2])
      const next = await lake.stage('hits', 'staged/4', [hitRow({ id: '4', _off: 4, time: noon + dayMs })])
      const { snapshot } = await lake.publish('hits', 4, [next])
      expect(ids(await rows(snapshot))).toEqual(['1', '2', '3', '4'])
      expect(await lake.lastPublish('hits')).toBe(4)
    })

    it('takes for orphans nothing that a snapshot names, however old, and finds none the second time', async () => {
      const { lake, rows, made } = await opened(2)
      await lake.rewrite('hits', partition)
      const limits = { before: Number.MAX_SAFE_INTEGER, through: 2 }
      const would = await lake.removeOrphans('hits', limits, 'dry run')
      const removed = await lake.removeOrphans('hits', limits, 'remove')
      if (under.says === 'all') expect(removed).toEqual(would)
      expect(await lake.removeOrphans('hits', limits, 'dry run')).toMatchObject({ snapshots: [], files: 0, bytes: 0 })
      for (const snapshot of made) expect((await rows(snapshot)).length).toBeGreaterThan(0)
    })

    if (under.says === 'all') {
      it('takes single snapshots from between others', async () => {
        const { rows, made, expire, left } = await opened(4)
        const [one, two, three, four] = made as [string, string, string, string]
        await expire([two, three])
        expect(await left()).toEqual([four, one])
        expect(ids(await rows(one))).toEqual(['1'])
        expect(ids(await rows(four))).toEqual(['1', '2', '3', '4'])
      })
    }
  })
}
