import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { stagedFileMaxRows } from '../commit-epoch.ts'
import { PlaceSet } from './place-set.ts'
import { SplitStage } from './split-stage.ts'

const shop = 'shop' as MerchantId

function stageOf() {
  const files: { readonly table: TableName; readonly rows: number }[] = []
  const writer = {
    async stage(table: TableName, name: string, rows: readonly LakeRow[]) {
      files.push({ table, rows: rows.length })
      return { name, table, rows: rows.length, bytes: 1, firstDay: 0, lastDay: 0 }
    },
    discard: async () => {},
  }
  const places = new PlaceSet([{ merchant: shop, from: dayMs, to: 2 * dayMs }])
  return { files, stage: new SplitStage({ writer, attempt: 'rerun-1-x', places }) }
}

describe('what a split has made', () => {
  it('is staged whole, in files of bounded size', async () => {
    const { files, stage } = stageOf()
    for (let n = 0; n <= stagedFileMaxRows; n++) stage.add('hits', { merchant: shop, time: dayMs })
    await stage.flush()
    expect(files).toEqual([
      { table: 'hits', rows: stagedFileMaxRows },
      { table: 'hits', rows: 1 },
    ])
    expect(new Set(stage.made.staged.map(({ name }) => name)).size).toBe(2)
  })

  it('is of its places only, in every table, by the time that places a row there', async () => {
    const { files, stage } = stageOf()
    for (const time of [dayMs - 1, dayMs, 2 * dayMs - 1, 2 * dayMs]) {
      stage.add('hits', { merchant: shop, time })
      stage.add('hourly', { merchant: shop, bucket: time })
      stage.add('hourly', { merchant: 'other', bucket: time })
    }
    await stage.flush()
    expect(files).toEqual([
      { table: 'hits', rows: 2 },
      { table: 'hourly', rows: 2 },
    ])
    expect(stage.made.days).toEqual([{ merchant: shop, day: 1 }])
  })
})
