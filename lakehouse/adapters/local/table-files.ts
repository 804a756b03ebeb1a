/** `TableFiles` over Iceberg metadata in an ObjectStore: manifests decide, no listing, no reading of data. */
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { createPruner } from '../../core/iceberg/prune.ts'
import type { TableReader } from '../../core/iceberg/table-reader.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'

export interface TableFilesOptions {
  readonly objects: ObjectStore
  readonly reader: (table: TableName) => TableReader
}

export function createTableFiles({ objects, reader }: TableFilesOptions): TableFiles {
  return {
    async files(view, filter = {}) {
      const definition = tables[view.table]
      const found: TableFile[] = []
      if (view.snapshot !== null) {
        const table = reader(view.table)
        const { metadata, snapshot } = await table.metadataOf(view.snapshot)
        const specs = new Map(metadata['partition-specs'].map((spec) => [spec['spec-id'], spec]))
        const pruner = createPruner(definition, filter, specs)
        for await (const { file, specId } of table.liveFiles(metadata, snapshot, pruner.manifest)) {
          if (!pruner.file(file, specId)) continue
          const localPath = await objects.localPath(table.nameOf(metadata, file.uri))
          found.push({ localPath, rows: file.rows, bytes: file.bytes, published: true })
        }
      }
      const { staged } = createPruner(definition, filter, new Map())
      for (const file of view.pending) {
        if (!staged(file)) continue
        found.push({
          localPath: await objects.localPath(file.name),
          rows: file.rows,
          bytes: file.bytes,
          published: false,
        })
      }
      return found
    },
  }
}
