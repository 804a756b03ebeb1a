import { describe, expect, it } from 'vitest'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { dataFile, dyingStore, nameOf, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import type { CommitOptions } from './commit.ts'
import { evolveSchema } from './evolve-schema.ts'
import { expireSnapshots } from './expire.ts'
import type { DataFile } from './manifest.ts'
import { currentSchema } from './metadata.ts'
import { referencedFiles } from './reachable.ts'
import { removeTag, rollback, setTag, setTags, tagsOf } from './refs.ts'
import { relocate } from './relocate.ts'
import { deleteFiles, overwriteFiles, replaceFiles } from './replace.ts'
import { rewriteManifests } from './rewrite-manifests.ts'

interface World {
  readonly table: TableUnderTest
  /** Oldest first. */
  readonly ids: readonly string[]
  files(...names: readonly string[]): readonly DataFile[]
}

type Operation = (options: CommitOptions, world: World) => Promise<unknown>

const reason = failedHitsTable.columns.find((column) => column.name === 'reason')?.id ?? 0
const added = { id: 900, name: 'x', type: 'string', doc: '' } as const
const put = async ({ objects }: CommitOptions, name: string) => {
  await objects.put(dataFile(name).name, Buffer.from(name))
  return dataFile(name)
}

const operations: Readonly<Record<string, Operation>> = {
  append: async (options) => appendFiles(options, 99, [await put(options, 'new')]),
  'append that merges manifests': async (options) =>
    appendFiles({ ...options, smallManifestsMax: 1 }, 99, [await put(options, 'new')]),
  replace: async (options, { files }) =>
    replaceFiles(options, {
      removed: files('b', 'c'),
      added: [await put(options, 'new')],
      operation: 'replace',
      partition: 'p',
    }),
  overwrite: async (options, { files }) =>
    overwriteFiles(options, { removed: files('b'), added: [await put(options, 'new')], named: {} }),
  delete: (options, { files }) => deleteFiles(options, { removed: files('b', 'c'), named: {} }),
  'rewrite of manifests': (options) => rewriteManifests(options),
  tag: (options, { ids }) => setTag(options, { name: 'new', snapshot: ids[0] ?? '', until: null }),
  'exchange of tags': (options, { ids }) =>
    setTags(options, 'old', [
      { name: 'old-2', snapshot: ids[0] ?? '', until: null },
      { name: 'old-3', snapshot: ids[2] ?? '', until: null },
    ]),
  'removal of a tag': (options) => removeTag(options, 'old'),
  rollback: (options, { ids }) => rollback(options, ids[1] ?? ''),
  'expiry with removal of the files': async (options) => {
    const { files } = await expireSnapshots(options, { keep: new Set() })
    for (const name of [...files.dataFiles, ...files.manifests, ...files.manifestLists]) {
      await options.objects.remove(name)
    }
  },
  evolution: (options) =>
    evolveSchema(options, [
      { kind: 'rename', id: reason, name: 'why' },
      { kind: 'add', column: added },
    ]),
  relocation: async (options) => {
    const { replaced } = await relocate(options, { from: 'file:///data/lake/failed_hits', to: 's3://new/t' })
    for (const name of replaced) await options.objects.remove(name)
  },
}

/** Four snapshots of four files, one of them compacted away, and a tag. */
async function world(): Promise<World> {
  const table = new TableUnderTest()
  const ids = [await table.publish('a'), await table.publish('b'), await table.publish('c')]
  const live = await table.liveFiles()
  const gone = live.filter((file) => nameOf(file) === 'a')
  ids.push(
    await replaceFiles(table.open(), {
      removed: gone,
      added: [await put(table.open(), 'a2')],
      operation: 'replace',
      partition: 'p',
    }),
  )
  await setTag(table.open(), { name: 'old', snapshot: ids[1] ?? '', until: null })
  return { table, ids, files: (...names) => live.filter((file) => names.includes(nameOf(file))) }
}

/** All that a reader can see, apart from names that are drawn. */
async function seen(table: TableUnderTest): Promise<string> {
  const metadata = await table.metadata()
  const snapshots = []
  for (const snapshot of metadata.snapshots ?? []) snapshots.push(await table.names(String(snapshot['snapshot-id'])))
  return JSON.stringify({
    current: await table.names(),
    manifests: (await table.manifests()).length,
    snapshots,
    logged: metadata['snapshot-log']?.length,
    tags: tagsOf(metadata).map(({ name }) => name),
    columns: currentSchema(metadata).fields.map((field) => (field as { readonly name: string }).name),
    location: metadata.location,
  })
}

async function expectWhole(table: TableUnderTest): Promise<void> {
  const files = await referencedFiles(table.open().reader, await table.metadata())
  for (const name of [...files.manifestLists, ...files.manifests, ...files.dataFiles]) {
    expect([name, await table.objects.size(name)]).not.toEqual([name, undefined])
  }
}

describe('whatever write or removal a process dies at', () => {
  it.each(Object.entries(operations))(
    '%s is done or not, takes nothing live, and is finished by the next run',
    async (_name, operate) => {
      const whole = await world()
      const before = await seen(whole.table)
      await operate(whole.table.open(), whole)
      const after = await seen(whole.table)
      expect(after).not.toBe(before)

      const found = new Set<string>()
      for (let survives = 0; ; survives++) {
        const made = await world()
        let writes = 0
        const spend = () => {
          if (writes++ >= survives) throw new Error('killed')
        }
        const dying = made.table.open({ objects: dyingStore(made.table.objects, spend) })
        await operate(dying, made).catch((error: Error) => {
          if (error.message !== 'killed') throw error
        })
        const now = await seen(made.table)
        expect([before, after]).toContain(now)
        found.add(now)
        await expectWhole(made.table)
        if (now === before) await operate(made.table.open(), made)
        expect(await seen(made.table)).toBe(after)
        await expectWhole(made.table)
        if (writes <= survives) break
      }
      expect(found).toEqual(new Set([before, after]))
    },
  )
})
