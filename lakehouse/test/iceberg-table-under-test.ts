/** A table in an object store for tests of the Iceberg files: writers of their own minds, files without bytes, a look inside. */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { failedHitsTable } from '../../schemas/tables.ts'
import { appendFiles } from '../core/iceberg/append.ts'
import type { AppendFile, CommitOptions } from '../core/iceberg/commit.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../core/iceberg/manifest.ts'
import { currentSnapshot, printMetadata, type TableMetadata } from '../core/iceberg/metadata.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'

const day = 20_513
const none = new Map<number, never>()
export const tableFolder = 'lake/failed_hits/'

/** `name` of ten rows; a name alone is enough where the rest does not matter. */
export function dataFile(name: string, change: Partial<AppendFile> = {}): AppendFile {
  return {
    name: `${tableFolder}data/received_day=2026-03-01/${name}.parquet`,
    partition: [day],
    rows: 10,
    bytes: 1_000,
    columnBytes: none,
    valueCounts: none,
    nullCounts: none,
    lowerBounds: none,
    upperBounds: none,
    ...change,
  }
}

export const nameOf = ({ uri }: Pick<DataFile, 'uri'>) => uri.replace(/^.*\//, '').replace('.parquet', '')

export class TableUnderTest {
  readonly objects: ObjectStore
  readonly clock = new ManualClock()
  private seed = 0
  private published = 0

  constructor(objects: ObjectStore = memoryObjectStore()) {
    this.objects = objects
  }

  /** A writer that knows nothing yet, as another process would. */
  open(change: Partial<CommitOptions> = {}): CommitOptions {
    const definition = change.definition ?? failedHitsTable
    const layout = change.layout ?? tableLayout(definition, 'file:///data/lake')
    const objects = change.objects ?? this.objects
    return {
      objects,
      definition,
      layout,
      reader: new TableReader({ objects, definition, layout }),
      random: seededRandom(++this.seed),
      clock: this.clock,
      ...change,
    }
  }

  /** One publication of these files, whose objects are made too; a minute passes. The snapshot's id. */
  async publish(...names: readonly string[]): Promise<string> {
    for (const name of names) await this.objects.put(dataFile(name).name, Buffer.from(name))
    const id = await appendFiles(
      this.open(),
      ++this.published,
      names.map((name) => dataFile(name)),
    )
    this.clock.advance(60_000)
    return id
  }

  async metadata(): Promise<TableMetadata> {
    const loaded = await this.open().reader.load()
    if (loaded === undefined) throw new Error('no table')
    return loaded.metadata
  }

  /** What another engine might have written. */
  async edit(change: (metadata: TableMetadata) => TableMetadata): Promise<void> {
    const loaded = await this.open().reader.load()
    if (loaded === undefined) throw new Error('no table')
    const { layout } = this.open()
    await this.objects.put(layout.metadataFile(loaded.version + 1), printMetadata(change(loaded.metadata)))
  }

  /** Live files of a snapshot, of the current one by default. */
  async liveFiles(id?: string): Promise<readonly DataFile[]> {
    return (await this.entries(id)).filter(({ status }) => status !== 'deleted').map(({ file }) => file)
  }

  async names(id?: string): Promise<readonly string[]> {
    return (await this.liveFiles(id)).map(nameOf).sort()
  }

  async manifests(id?: string): Promise<readonly ManifestFile[]> {
    const { reader } = this.open()
    const metadata = await this.metadata()
    const snapshot = id === undefined ? currentSnapshot(metadata) : (await reader.metadataOf(id)).snapshot
    return snapshot === undefined ? [] : reader.manifestList(metadata, snapshot)
  }

  /** Entries with what they inherit written out. */
  async entries(id?: string): Promise<readonly ManifestEntry[]> {
    const { reader } = this.open()
    const metadata = await this.metadata()
    const found: ManifestEntry[] = []
    for (const manifest of await this.manifests(id)) {
      for (const entry of await reader.manifest(metadata, manifest)) {
        found.push({ ...entry, sequence: entry.sequence ?? manifest.sequence })
      }
    }
    return found
  }
}

/** The store as it is to a process that dies when `spends` says so: at a write, a removal, before either does anything. */
export function dyingStore(objects: ObjectStore, spend: () => void): ObjectStore {
  return {
    get: (name) => objects.get(name),
    getRange: (...given) => objects.getRange(...given),
    list: (prefix) => objects.list(prefix),
    size: (name) => objects.size(name),
    localPath: (name) => objects.localPath(name),
    forgetLocal: (name) => objects.forgetLocal(name),
    async put(name, body) {
      spend()
      return objects.put(name, body)
    },
    async putIfAbsent(name, body) {
      spend()
      return objects.putIfAbsent(name, body)
    },
    async remove(name) {
      spend()
      return objects.remove(name)
    },
  }
}

/** Lets `act` happen at the moment before the first commit of whoever uses the store. */
export function racingStore(objects: ObjectStore, act: () => Promise<unknown>): ObjectStore {
  let done = false
  return {
    ...dyingStore(objects, () => {}),
    async putIfAbsent(name, body) {
      if (!done) {
        done = true
        await act()
      }
      return objects.putIfAbsent(name, body)
    },
  }
}
