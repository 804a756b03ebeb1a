/**
 * One of several writers of one table: `<folder> <number> <commits>`. Appends so many publications of its own, tags some,
 * merges manifests now and then; prints how often others got in its way.
 */

import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom } from '../../core/adapters/node/system.ts'
import { CommitConflictError } from '../../core/errors.ts'
import { failedHitsTable } from '../../schemas/tables.ts'
import { appendFiles } from '../core/iceberg/append.ts'
import type { CommitOptions } from '../core/iceberg/commit.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import { setTag } from '../core/iceberg/refs.ts'
import { rewriteManifests } from '../core/iceberg/rewrite-manifests.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'
import { dataFile } from './iceberg-table-under-test.ts'

const [folder = '', own = '0', commits = '0'] = process.argv.slice(2)
const definition = failedHitsTable
const objects = await folderObjectStore(nodeDisk(folder), 'store', { leftovers: 'keep' })
const layout = tableLayout(definition, `file://${folder}/store/lake`)
const options: CommitOptions = {
  objects,
  definition,
  layout,
  reader: new TableReader({ objects, definition, layout }),
  random: systemRandom,
  clock: systemClock,
}

let conflicts = 0
async function until<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof CommitConflictError)) throw error
      conflicts++
    }
  }
}

for (let n = 0; n < Number(commits); n++) {
  const name = `w${own}-${n}`
  const snapshot = await until(() => appendFiles(options, Number(own) * 1_000_000 + n, [dataFile(name)]))
  if (n % 20 === 0) await until(() => setTag(options, { name, snapshot, until: null }))
  if (n % 25 === 24) await until(() => rewriteManifests(options))
}
console.log(JSON.stringify({ conflicts }))
