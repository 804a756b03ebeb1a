/**
 * Moves a table to another base URI: a lake that was copied to another folder or bucket, or is called by another name from
 * now on. Every manifest list and manifest of every snapshot is written anew under a new name, then one metadata commit
 * names them; ids, sequence numbers, times and rows stay as they are. Bytes of data files are not touched: to bring them to
 * the new place is for whoever moves the lake.
 */
import { TableChangeRefusedError } from '../../../core/errors.ts'
import { avroType, encodeContainer } from './avro-container.ts'
import { type CommitOptions, commitUpdates } from './commit.ts'
import { plainUri } from './layout.ts'
import type { ManifestFile } from './manifest.ts'
import type { SnapshotJson, TableMetadata } from './metadata.ts'
import { hex } from './next-manifests.ts'
import { readContainer } from './read-container.ts'
import { snapshotIds } from './updates.ts'

export interface Relocation {
  /** The table's location as its metadata has it; a table that is somewhere else is left alone. */
  readonly from: string
  /** No slash at its end: `s3://lake/hits`. */
  readonly to: string
}

export interface Relocated {
  /** Object names of manifest lists and manifests that only older metadata files name now; remove them when those are gone. */
  readonly replaced: readonly string[]
}

/**
 * Done where the table is at `to` already. Files are read and written under the object names they have now.
 * @throws TableChangeRefusedError where the table is at neither place, or a snapshot holds delete files: these name data
 * files by URI inside their rows
 * @throws CorruptTableError where something lies outside the table's location or cannot be read; then nothing is changed
 * @throws CommitConflictError
 */
export async function relocate(options: CommitOptions, { from, to }: Relocation): Promise<Relocated> {
  const writer = new Relocating(options, to)
  const refuse = (why: string) => new TableChangeRefusedError(options.definition.name, `relocation to ${to}`, why)
  if (!/^[a-z][a-z0-9+.-]*:\/*[^/].*[^/]$/i.test(to)) throw refuse('it is no URI without a slash at its end')
  return commitUpdates<Relocated>(options, async (base) => {
    if (base === undefined) return { done: { replaced: [] } }
    const { metadata } = base
    const at = plainUri(metadata.location)
    if (at === plainUri(to)) return { done: { replaced: [] } }
    if (at !== plainUri(from)) throw refuse(`the table is at ${metadata.location}, not at ${from}`)
    const manifestLists = new Map<string, string>()
    for (const snapshot of metadata.snapshots ?? []) {
      manifestLists.set(String(snapshot['snapshot-id']), await writer.list(metadata, snapshot, refuse))
    }
    return {
      requirements: [
        { type: 'uuid', uuid: metadata['table-uuid'] },
        { type: 'location', location: metadata.location },
        { type: 'snapshots', ids: snapshotIds(metadata) },
      ],
      updates: [{ action: 'relocate', from: metadata.location, to, manifestLists }],
      result: { replaced: writer.replaced },
    }
  })
}

/** What was rewritten is kept by name, so that a repeated try writes only what came in between. */
class Relocating {
  private readonly lists = new Map<string, string>()
  private readonly manifests = new Map<string, { readonly uri: string; readonly bytes: number }>()
  private readonly options: CommitOptions
  private readonly to: string

  constructor(options: CommitOptions, to: string) {
    this.options = options
    this.to = to
  }

  get replaced(): readonly string[] {
    return [...this.lists.keys(), ...this.manifests.keys()].sort()
  }

  /** URI of the snapshot's new list. */
  async list(metadata: TableMetadata, snapshot: SnapshotJson, refuse: (why: string) => Error): Promise<string> {
    const { reader, layout, random } = this.options
    const name = reader.nameOf(metadata, snapshot['manifest-list'])
    const known = this.lists.get(name)
    if (known !== undefined) return known
    const made = new Map<string, { readonly uri: string; readonly bytes: number }>()
    for (const manifest of await reader.manifestList(metadata, snapshot)) {
      const isDeletes = manifest.content !== 0 && manifest.added.files + manifest.existing.files > 0
      if (isDeletes)
        throw refuse(`snapshot ${snapshot['snapshot-id']} holds delete files; compact the table and expire it`)
      made.set(manifest.uri, await this.manifest(metadata, manifest))
    }
    const newName = layout.manifestListFile(BigInt(snapshot['snapshot-id']), hex(random, 8))
    await this.rewrite(name, newName, (record) => {
      const moved = made.get(String(record.manifest_path))
      if (moved === undefined) throw new RangeError(`${name} changed while it was read`)
      return { ...record, manifest_path: moved.uri, manifest_length: BigInt(moved.bytes) }
    })
    const uri = layout.uriOf(newName, this.to)
    this.lists.set(name, uri)
    return uri
  }

  private async manifest(metadata: TableMetadata, manifest: ManifestFile) {
    const { reader, layout, random } = this.options
    const name = reader.nameOf(metadata, manifest.uri)
    const known = this.manifests.get(name)
    if (known !== undefined) return known
    // Read and checked as any reader does, before its bytes are taken apart below.
    await reader.manifest(metadata, manifest)
    const newName = layout.manifestFile(hex(random, 16))
    const bytes = await this.rewrite(name, newName, (record) => {
      const file = record.data_file as Readonly<Record<string, unknown>>
      const uri = layout.uriOf(reader.nameOf(metadata, String(file.file_path)), this.to)
      return { ...record, data_file: { ...file, file_path: uri } }
    })
    const made = { uri: layout.uriOf(newName, this.to), bytes }
    this.manifests.set(name, made)
    return made
  }

  /**
   * By the writer's own schema and with its header, so that nothing another engine states is lost. Bytes written.
   */
  private async rewrite(
    name: string,
    newName: string,
    change: (record: Readonly<Record<string, unknown>>) => unknown,
  ): Promise<number> {
    const { objects, random } = this.options
    const { header, schema, records } = readContainer((await objects.get(name)) ?? Buffer.alloc(0))
    const own = [...header].filter(([key]) => !key.startsWith('avro.'))
    const bytes = encodeContainer({
      schemaJson: header.get('avro.schema') ?? '',
      type: avroType(schema),
      records: records.map((record) => change(record as Readonly<Record<string, unknown>>)),
      header: Object.fromEntries(own),
      sync: random.bytes(16),
    })
    await objects.put(newName, bytes)
    return bytes.length
  }
}
