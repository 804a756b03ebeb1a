/**
 * Where a table's files are: object names in our store, and URIs as metadata has them. The two are configured apart, so
 * that a lake can be moved on disk, or be `s3://` to others and a folder to us.
 *
 *     lake/<table>/metadata/v<N>.metadata.json     one a commit; making it IS the commit (hadoop-style layout)
 *     lake/<table>/metadata/version-hint.text      newest N, best effort
 *     lake/<table>/metadata/snap-….avro, m-….avro  manifest lists, manifests
 *     lake/<table>/data/_gen=1/time_day=2026-03-01/p00000000042-<hash>.parquet
 */
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodField, periodText } from '../partition.ts'

/** Object names of a table's files begin with it. */
export function tableFolder(table: string): string {
  return `lake/${table}/`
}

/** The layout of a table of the lake. `lakeUri` has no slash at its end: `file:///var/hitlake/lake`. */
export function tableLayout(definition: TableDefinition, lakeUri: string): TableLayout {
  return new TableLayout(definition, {
    folder: tableFolder(definition.name),
    location: `${lakeUri}/${definition.name}`,
  })
}

export interface TablePlace {
  /** Object names of the table's files begin with it; closing `/` included. */
  readonly folder: string
  /** URI of that folder, without a slash at its end: `location` of a new table's metadata. */
  readonly location: string
}

export class TableLayout {
  private readonly folder: string
  readonly location: string

  constructor(
    private readonly definition: TableDefinition,
    place: TablePlace,
  ) {
    this.folder = place.folder
    this.location = place.location
  }

  get metadataFolder(): string {
    return `${this.folder}metadata/`
  }

  get versionHint(): string {
    return `${this.metadataFolder}version-hint.text`
  }

  metadataFile(version: number): string {
    return `${this.metadataFolder}v${version}.metadata.json`
  }

  /** The version in a metadata file's object name. */
  versionOf(name: string): number | undefined {
    const match = /\/v(\d{1,15})\.metadata\.json$/.exec(name)
    return match === null ? undefined : Number(match[1])
  }

  manifestFile(unique: string): string {
    return `${this.metadataFolder}m-${unique}.avro`
  }

  manifestListFile(snapshot: bigint, unique: string): string {
    return `${this.metadataFolder}snap-${snapshot}-${unique}.avro`
  }

  /**
   * The name of a data file says its publication, partition and content, so a repeated publication writes the same bytes to the
   * same name, and never other bytes to a name that a snapshot holds already.
   */
  dataFile(publish: number, partition: LakePartition, hash: string): string {
    return `${this.folder}data/${this.partitionFolder(partition)}/p${String(publish).padStart(11, '0')}-${hash}.parquet`
  }

  /** The name of a file that a rewrite made of others: by its content, for the same reason. */
  rewrittenFile(partition: LakePartition, hash: string): string {
    return `${this.folder}data/${this.partitionFolder(partition)}/r-${hash}.parquet`
  }

  /** `_gen=1/time_day=2026-03-01`. */
  partitionFolder(partition: LakePartition): string {
    const generation = partition.generation === null ? '' : `_gen=${partition.generation}/`
    const text = periodText(partitionTime(this.definition), partition.period)
    return `${generation}${periodField(this.definition)}=${text}`
  }

  /** `location` is that of the table's metadata, which may be from another place than ours. */
  uriOf(name: string, location: string): string {
    if (!name.startsWith(this.folder)) throw new TypeError(`${name} is not a file of ${this.definition.name}`)
    return `${location}/${name.slice(this.folder.length)}`
  }

  /** undefined where the URI lies outside the table's location. */
  nameOf(uri: string, location: string): string | undefined {
    const base = `${plainUri(location)}/`
    const full = plainUri(uri)
    return full.startsWith(base) ? this.folder + full.slice(base.length) : undefined
  }
}

/** Without a slash at its end; Hadoop writes `file:/x`, others `file:///x`: one place. */
export function plainUri(uri: string): string {
  return uri.replace(/^file:\/*/, 'file:///').replace(/\/+$/, '')
}
