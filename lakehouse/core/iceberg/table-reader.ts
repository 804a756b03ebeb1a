/**
 * Reads one Iceberg table in our layout: which metadata is newest, its snapshots, the live data files of one of them.
 * Nothing is taken from `version-hint.text` on trust: the newest version is the last one that exists.
 * Manifests and manifest lists never change, so they are kept by name, up to a limit of bytes.
 */
import { CorruptTableError, SnapshotNotFoundError, UnsupportedTableError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { ByteLimitedCache } from './byte-limited-cache.ts'
import { decodeManifest, decodeManifestList, type ReadEntry } from './decode-manifest.ts'
import type { TableLayout } from './layout.ts'
import type { DataFile, ManifestFile } from './manifest.ts'
import { findSnapshot, type SnapshotJson, type TableMetadata } from './metadata.ts'
import { containerMaxBytes } from './read-container.ts'
import { uriMaxLength } from './read-json.ts'
import { metadataMaxBytes, readMetadata, tooLarge } from './read-metadata.ts'
import { isPlainName } from './read-name.ts'
import { resolveSnapshot, type WantedSnapshot } from './read-ref.ts'

/** Decoded manifests kept in memory, bytes: an entry of 50 columns is about 4 KB, so this holds some 8,000 data files. */
export const manifestCacheMaxBytes = 32 * 1_048_576
/** A decoded manifest takes about this many times its deflated bytes. */
const decodedPerDeflated = 8

export interface LoadedTable {
  readonly version: number
  readonly metadata: TableMetadata
}

export interface TableReaderOptions {
  readonly objects: ObjectStore
  readonly definition: TableDefinition
  readonly layout: TableLayout
  readonly manifestCacheMaxBytes?: number
}

export class TableReader {
  private readonly manifests: ByteLimitedCache<readonly ReadEntry[]>
  private readonly lists: ByteLimitedCache<readonly ManifestFile[]>
  private newest: LoadedTable | undefined

  constructor(private readonly options: TableReaderOptions) {
    const maxBytes = options.manifestCacheMaxBytes ?? manifestCacheMaxBytes
    this.manifests = new ByteLimitedCache(maxBytes)
    this.lists = new ByteLimitedCache(maxBytes / 4)
  }

  /** Name of the table. */
  get table(): string {
    return this.options.definition.name
  }

  /** The newest version; undefined where the table has none. @throws CorruptTableError */
  async load(): Promise<LoadedTable | undefined> {
    const { layout } = this.options
    const known = this.newest
    let version = Math.max(known?.version ?? 0, await this.hintedVersion())
    if (version === 0 || (version !== known?.version && !(await this.exists(version))))
      version = await this.listedVersion()
    if (version === 0) return undefined
    while (await this.exists(version + 1)) version++
    if (version === known?.version) return known
    const file = layout.metadataFile(version)
    this.newest = { version, metadata: await this.metadataIn(file) }
    return this.newest
  }

  /**
   * Metadata of one file, given by its object name: of a table that a catalog keeps, which names its newest file.
   * @throws CorruptTableError, UnsupportedTableError
   */
  async metadataIn(file: string): Promise<TableMetadata> {
    const { objects } = this.options
    const size = await objects.size(file)
    if (size !== undefined && size > metadataMaxBytes) throw tooLarge(this.table, file, size)
    const bytes = await objects.get(file)
    if (bytes === undefined) throw new CorruptTableError(this.table, file, 'it does not exist')
    return readMetadata(this.table, file, bytes)
  }

  /** What a commit made by ourselves just wrote: spares reading it again. */
  loaded(table: LoadedTable): void {
    if (table.version > (this.newest?.version ?? 0)) this.newest = table
  }

  /** Version that the hint names; 0 where it is missing or no number. */
  async hintedVersion(): Promise<number> {
    const hint = (await this.options.objects.get(this.options.layout.versionHint))?.toString('utf8').trim() ?? ''
    return /^\d{1,15}$/.test(hint) ? Number(hint) : 0
  }

  /** Metadata that has the snapshot, read again only where what is known has not. @throws SnapshotNotFoundError */
  async metadataOf(id: string): Promise<{ readonly metadata: TableMetadata; readonly snapshot: SnapshotJson }> {
    for (const table of [this.newest, await this.load()]) {
      const snapshot = table && findSnapshot(table.metadata, id)
      if (table !== undefined && snapshot !== undefined) return { metadata: table.metadata, snapshot }
    }
    throw new SnapshotNotFoundError(this.table, id)
  }

  /**
   * The snapshot that a reader means. Tags, branches and times are looked up in the newest version.
   * @throws SnapshotNotFoundError, RefNotFoundError, CorruptTableError
   */
  async resolve(
    wanted: WantedSnapshot,
  ): Promise<{ readonly metadata: TableMetadata; readonly snapshot: SnapshotJson }> {
    if ('snapshot' in wanted) return this.metadataOf(wanted.snapshot)
    const loaded = await this.load()
    if (loaded === undefined) throw new SnapshotNotFoundError(this.table, 'at all')
    return { metadata: loaded.metadata, snapshot: resolveSnapshot(this.table, loaded.metadata, wanted) }
  }

  async manifestList(metadata: TableMetadata, snapshot: SnapshotJson): Promise<readonly ManifestFile[]> {
    const name = this.nameOf(metadata, snapshot['manifest-list'])
    const kept = this.lists.get(name)
    if (kept !== undefined) return kept
    const { value, bytes } = await this.decode(name, decodeManifestList)
    this.lists.set(name, value, bytes * decodedPerDeflated)
    return value
  }

  /** What a commit made by ourselves just wrote under this name, `bytes` long: spares reading it again. */
  keepManifestList(name: string, manifests: readonly ManifestFile[], bytes: number): void {
    this.lists.set(name, manifests, bytes * decodedPerDeflated)
  }

  async manifest(metadata: TableMetadata, manifest: ManifestFile): Promise<readonly ReadEntry[]> {
    const name = this.nameOf(metadata, manifest.uri)
    const kept = this.manifests.get(name)
    if (kept !== undefined) return kept
    const { value, bytes } = await this.decode(name, decodeManifest)
    this.manifests.set(name, value, bytes * decodedPerDeflated)
    return value
  }

  /**
   * Data files of the snapshot in manifests that `keep` wants, for whoever writes the table anew from its files.
   * @throws UnsupportedTableError where the table holds delete files: rows would come back that are gone
   */
  async *liveFiles(
    metadata: TableMetadata,
    snapshot: SnapshotJson,
    keep: (manifest: ManifestFile) => boolean,
  ): AsyncGenerator<{ readonly file: DataFile; readonly specId: number }> {
    const manifests = await this.manifestList(metadata, snapshot)
    for (const manifest of manifests) {
      // Whatever the list says of their number.
      if (manifest.content === 0 || (await this.manifest(metadata, manifest)).every(isGone)) continue
      const mend = 'compact it with the engine that wrote them (in Trino: ALTER TABLE … EXECUTE optimize)'
      throw new UnsupportedTableError(this.table, manifest.uri, 'delete files', mend)
    }
    for (const manifest of manifests) {
      if (manifest.content !== 0 || !keep(manifest)) continue
      for (const entry of await this.manifest(metadata, manifest)) {
        if (!isGone(entry)) yield { file: entry.file, specId: manifest.specId }
      }
    }
  }

  /** Object name of a file that metadata names. @throws CorruptTableError where it lies outside the table */
  nameOf(metadata: TableMetadata, uri: string): string {
    const outside = (what: string) => new CorruptTableError(this.table, uri.slice(0, uriMaxLength), what)
    if (uri.length > uriMaxLength) throw outside(`its name has more than ${uriMaxLength} characters`)
    const name = this.options.layout.nameOf(uri, metadata.location)
    if (name === undefined) throw outside(`it is not below the table's location ${metadata.location}`)
    if (!isPlainName(name)) throw outside("it is no name of a file below the table's location")
    return name
  }

  /** Object names of all files of the table begin with it. */
  get folder(): string {
    return this.options.layout.metadataFolder.replace(/metadata\/$/, '')
  }

  private async decode<T>(name: string, decode: (bytes: Buffer) => T): Promise<{ value: T; bytes: number }> {
    const size = (await this.options.objects.size(name)) ?? 0
    if (size > containerMaxBytes) {
      throw new CorruptTableError(this.table, name, `${size} bytes, at most ${containerMaxBytes} are read`)
    }
    const bytes = await this.options.objects.get(name)
    if (bytes === undefined) throw new CorruptTableError(this.table, name, 'it does not exist')
    try {
      return { value: decode(bytes), bytes: bytes.length }
    } catch (cause) {
      throw new CorruptTableError(this.table, name, (cause as Error).message, { cause })
    }
  }

  private async exists(version: number): Promise<boolean> {
    return (await this.options.objects.size(this.options.layout.metadataFile(version))) !== undefined
  }

  // Only where the hint is of no use: a listing grows with the table.
  private async listedVersion(): Promise<number> {
    const names = await this.options.objects.list(this.options.layout.metadataFolder)
    return Math.max(0, ...names.map((name) => this.options.layout.versionOf(name) ?? 0))
  }
}

function isGone({ status }: ReadEntry): boolean {
  return status === 'deleted'
}
