import { beforeEach, describe, expect, it } from 'vitest'
import { TableChangeRefusedError } from '../../../core/errors.ts'
import type { Column, TableDefinition } from '../../../core/tables.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { dataFile, racingStore, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import { evolveSchema, type SchemaChange } from './evolve-schema.ts'
import { currentSchema } from './metadata.ts'

let table: TableUnderTest
beforeEach(async () => {
  table = new TableUnderTest()
  await table.publish('a')
})
const idOf = (name: string) => failedHitsTable.columns.find((column) => column.name === name)?.id ?? 0
const last = Math.max(...failedHitsTable.columns.map((column) => column.id))
const column = (id: number, name: string, type: Column['type'] = 'string'): Column => ({ id, name, type, doc: '' })
const evolve = (...changes: SchemaChange[]) => evolveSchema(table.open(), changes)
const columns = async () =>
  (currentSchema(await table.metadata()).fields as unknown as { id: number; name: string }[]).map(
    ({ id, name }) => `${id} ${name}`,
  )

describe('schema evolution', () => {
  it('adds, renames, drops and reorders by id, as one commit', async () => {
    const before = await columns()
    const schemaId = await evolve(
      { kind: 'add', column: column(last + 1, 'channel') },
      { kind: 'rename', id: idOf('reason'), name: 'why' },
      { kind: 'drop', id: idOf('step') },
    )
    expect(schemaId).toBe(1)
    const after = await columns()
    expect(after).toEqual([
      ...before.filter((one) => !one.endsWith(' step')).map((one) => one.replace(/ reason$/, ' why')),
      `${last + 1} channel`,
    ])
    const ids = after.map((one) => Number(one.split(' ')[0])).reverse()
    expect(await evolve({ kind: 'reorder', ids })).toBe(2)
    expect(await columns()).toEqual([...after].reverse())
    expect((await table.metadata())['metadata-log']).toHaveLength(2)
  })

  it('leaves every snapshot the schema it was made with', async () => {
    await evolve({ kind: 'drop', id: idOf('step') })
    await table.publish('b')
    const metadata = await table.metadata()
    expect(metadata.snapshots?.map((one) => one['schema-id'])).toEqual([0, 1])
    expect(metadata.schemas).toHaveLength(2)
    expect(await table.names()).toEqual(['a', 'b'])
  })

  it('never gives out the id of a dropped column again', async () => {
    await evolve({ kind: 'add', column: column(last + 1, 'x') })
    await evolve({ kind: 'drop', id: last + 1 })
    expect((await table.metadata())['last-column-id']).toBe(last + 1)
    await expect(evolve({ kind: 'add', column: column(last + 1, 'y') })).rejects.toThrow(
      `field id ${last + 1} is taken; the next free one is ${last + 2}`,
    )
    await evolve({ kind: 'add', column: column(last + 2, 'y') })
  })

  it('counts the ids of nested columns', async () => {
    const type = { list: { elementId: last + 2, element: { struct: [column(last + 3, 'inner')] } } } as const
    await evolve({ kind: 'add', column: column(last + 1, 'items', type) })
    expect((await table.metadata())['last-column-id']).toBe(last + 3)
    const clash = { list: { elementId: last + 3, element: 'string' } } as const
    await expect(evolve({ kind: 'add', column: column(last + 4, 'more', clash) })).rejects.toThrow('is taken')
  })

  it('back to an earlier schema makes that one current and no new one', async () => {
    await evolve({ kind: 'rename', id: idOf('reason'), name: 'why' })
    expect(await evolve({ kind: 'rename', id: idOf('reason'), name: 'reason' })).toBe(0)
    expect((await table.metadata()).schemas).toHaveLength(2)
  })

  it('that changes nothing writes nothing', async () => {
    const before = await table.objects.list('')
    expect(await evolve({ kind: 'rename', id: idOf('reason'), name: 'reason' })).toBe(0)
    expect(await table.objects.list('')).toEqual(before)
  })

  it.each<[string, SchemaChange]>([
    ['a name that is there already', { kind: 'rename', id: idOf('reason'), name: 'STEP' }],
    ['no name', { kind: 'rename', id: idOf('reason'), name: '' }],
    ['a column that is not there', { kind: 'drop', id: 999 }],
    ['the column that partitions the table', { kind: 'drop', id: idOf('received') }],
    ['a column that sorts it', { kind: 'drop', id: idOf(failedHitsTable.sort[0] ?? '') }],
    ['an order that leaves columns out', { kind: 'reorder', ids: [1] }],
    ['an order that names one twice', { kind: 'reorder', ids: failedHitsTable.columns.map(() => 1) }],
    ['an id that is in use', { kind: 'add', column: column(idOf('reason'), 'x') }],
  ])('refuses %s', async (_what, change) => {
    await expect(evolve(change)).rejects.toThrow(TableChangeRefusedError)
    expect((await table.metadata()).schemas).toHaveLength(1)
  })

  it('is not undone by a program that knows only the definition', async () => {
    await evolve({ kind: 'rename', id: idOf('reason'), name: 'why' }, { kind: 'drop', id: idOf('step') })
    const evolved = await columns()
    await table.publish('b')
    expect(await columns()).toEqual(evolved)
    const later: TableDefinition = {
      ...failedHitsTable,
      columns: [...failedHitsTable.columns, column(last + 1, 'later')],
    }
    await appendFiles(table.open({ definition: later }), 50, [dataFile('c')])
    expect((await columns()).sort()).toEqual([...evolved, `${last + 1} later`].sort())
  })

  it('goes on where a definition gives a column a name it never had', async () => {
    const renamed: TableDefinition = {
      ...failedHitsTable,
      columns: failedHitsTable.columns.map((one) => (one.name === 'reason' ? { ...one, name: 'why' } : one)),
    }
    await appendFiles(table.open({ definition: renamed }), 50, [dataFile('b')])
    expect(await columns()).toContain(`${idOf('reason')} why`)
  })

  it('on top of an append that was faster lands with its own decision', async () => {
    const objects = racingStore(table.objects, () => table.publish('b'))
    await evolveSchema(table.open({ objects }), [{ kind: 'drop', id: idOf('step') }])
    expect(await table.names()).toEqual(['a', 'b'])
    expect(await columns()).not.toContain(`${idOf('step')} step`)
  })

  it('and another evolution at the same moment are both there', async () => {
    const objects = racingStore(table.objects, () => evolve({ kind: 'add', column: column(last + 1, 'x') }))
    await evolveSchema(table.open({ objects }), [{ kind: 'rename', id: idOf('reason'), name: 'why' }])
    expect(await columns()).toEqual(expect.arrayContaining([`${last + 1} x`, `${idOf('reason')} why`]))
  })
})
