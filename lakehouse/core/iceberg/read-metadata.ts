/**
 * Table metadata that anybody may have written (Iceberg spec, "Table Metadata" and Appendix C): everything that is used of
 * it is checked here, once, so that nothing after it meets a wrong type, a cycle of snapshots or an endless file.
 */
import { CorruptTableError, UnsupportedTableError } from '../../../core/errors.ts'
import { type JsonValue, parseJson } from './json.ts'
import type { TableMetadata } from './metadata.ts'
import {
  integer,
  JsonFault,
  type JsonObject,
  list,
  object,
  optionalList,
  safe,
  show,
  text,
  texts,
  uri,
} from './read-json.ts'
import { checkJsonLimits } from './read-json-limits.ts'
import { checkSchemas } from './read-schema.ts'

/** A metadata file; 100,000 snapshots take about 80 MB. */
export const metadataMaxBytes = 128 * 1_048_576

/** @throws CorruptTableError, UnsupportedTableError */
export function readMetadata(table: string, file: string, bytes: Buffer): TableMetadata {
  if (bytes.length > metadataMaxBytes) throw tooLarge(table, file, bytes.length)
  const value = parsed(table, file, bytes)
  try {
    const metadata = object(value, 'it')
    checkVersion(table, file, metadata)
    checkTable(metadata)
    const unknownType = checkSchemas(list(metadata.schemas, 'schemas'))
    if (unknownType !== undefined) {
      throw new UnsupportedTableError(table, file, unknownType, 'drop the column with the engine that added it')
    }
    checkSnapshots(metadata)
    for (const snapshot of optionalList(metadata.snapshots, 'snapshots')) {
      checkSupported(table, file, snapshot as JsonObject)
    }
    return metadata as unknown as TableMetadata
  } catch (cause) {
    if (!(cause instanceof JsonFault)) throw cause
    throw new CorruptTableError(table, file, cause.message, { cause })
  }
}

/** Of a file that is not even to be opened. */
export function tooLarge(table: string, file: string, bytes: number): CorruptTableError {
  return new CorruptTableError(table, file, `${bytes} bytes, at most ${metadataMaxBytes} are read; expire snapshots`)
}

function parsed(table: string, file: string, bytes: Buffer): JsonValue {
  try {
    const text = bytes.toString('utf8')
    checkJsonLimits(text)
    return parseJson(text)
  } catch (cause) {
    const limit = cause instanceof RangeError ? `: ${cause.message}` : ''
    throw new CorruptTableError(table, file, `not JSON${limit}`, { cause })
  }
}

function checkVersion(table: string, file: string, metadata: JsonObject): void {
  const version = metadata['format-version']
  if (version === 2) return
  if (typeof version !== 'number' || version < 3) throw new JsonFault(`format version ${show(version)}, only 2 is read`)
  throw new UnsupportedTableError(
    table,
    file,
    `format version ${version}`,
    'copy it into a table of format version 2 (in Trino: CREATE TABLE … WITH (format_version = 2) AS SELECT)',
  )
}

function checkTable(metadata: JsonObject): void {
  text(metadata['table-uuid'], 'table-uuid')
  uri(metadata.location, 'location')
  integer(metadata['last-sequence-number'], 'last-sequence-number')
  for (const name of ['last-updated-ms', 'last-column-id', 'current-schema-id', 'default-spec-id'] as const) {
    safe(metadata[name], name)
  }
  list(metadata['sort-orders'], 'sort-orders')
  if (metadata.properties !== undefined) texts(metadata.properties, 'properties')
  for (const value of list(metadata['partition-specs'], 'partition-specs')) {
    const spec = object(value, 'a partition spec')
    safe(spec['spec-id'], 'spec-id')
    for (const part of list(spec.fields, 'fields of a partition spec')) {
      const field = object(part, 'a partition field')
      text(field.name, 'name of a partition field')
      text(field.transform, 'transform')
      safe(field['source-id'], 'source-id')
      safe(field['field-id'], 'field-id')
    }
  }
  for (const [name, value] of Object.entries(object(metadata.refs ?? {}, 'refs'))) {
    const ref = object(value ?? null, `ref ${name.slice(0, 100)}`)
    integer(ref['snapshot-id'], 'snapshot-id of a ref')
    if (ref.type !== 'branch' && ref.type !== 'tag') throw new JsonFault('a ref is neither branch nor tag')
  }
  for (const value of optionalList(metadata['snapshot-log'], 'snapshot-log')) {
    const entry = object(value, 'an entry of the snapshot-log')
    integer(entry['snapshot-id'], 'snapshot-id of the snapshot-log')
    safe(entry['timestamp-ms'], 'timestamp-ms of the snapshot-log')
  }
  for (const value of optionalList(metadata['metadata-log'], 'metadata-log')) {
    uri(object(value, 'an entry of the metadata-log')['metadata-file'], 'metadata-file')
  }
  for (const name of ['statistics', 'partition-statistics'] as const) {
    for (const value of optionalList(metadata[name], name)) {
      const file = object(value, `an entry of ${name}`)
      integer(file['snapshot-id'], `snapshot-id of ${name}`)
      uri(file['statistics-path'], 'statistics-path')
    }
  }
}

function checkSnapshots(metadata: JsonObject): void {
  const parents = new Map<string, string | null>()
  for (const value of optionalList(metadata.snapshots, 'snapshots')) {
    const snapshot = object(value, 'a snapshot')
    const id = integer(snapshot['snapshot-id'], 'snapshot-id')
    if (parents.has(id)) throw new JsonFault(`two snapshots have the id ${id}`)
    const parent = snapshot['parent-snapshot-id'] ?? null
    parents.set(id, parent === null ? null : integer(parent, 'parent-snapshot-id'))
    safe(snapshot['timestamp-ms'], 'timestamp-ms of a snapshot')
    if (snapshot['sequence-number'] !== undefined) integer(snapshot['sequence-number'], 'sequence-number')
    if (snapshot['schema-id'] !== undefined) safe(snapshot['schema-id'], 'schema-id of a snapshot')
    if (snapshot.summary !== undefined) texts(snapshot.summary, 'summary')
    uri(snapshot['manifest-list'], 'manifest-list')
  }
  const current = metadata['current-snapshot-id'] ?? null
  if (current !== null) {
    const id = integer(current, 'current-snapshot-id')
    if (id !== '-1' && !parents.has(id)) throw new JsonFault(`the current snapshot ${id} is not among its snapshots`)
  }
  checkAcyclic(parents)
}

/** Whoever follows parents must come to an end. */
function checkAcyclic(parents: ReadonlyMap<string, string | null>): void {
  const ended = new Set<string>()
  for (const first of parents.keys()) {
    const way = new Set<string>()
    let id: string | null | undefined = first
    while (id !== null && id !== undefined && !ended.has(id)) {
      if (way.has(id)) throw new JsonFault(`snapshot ${id} is its own ancestor`)
      way.add(id)
      id = parents.get(id)
    }
    for (const one of way) ended.add(one)
  }
}

// Fields of format version 3 in a file that calls itself 2.
function checkSupported(table: string, file: string, snapshot: JsonObject): void {
  for (const [name, what] of [
    ['first-row-id', 'row lineage'],
    ['key-id', 'encrypted manifests'],
  ] as const) {
    if ((snapshot[name] ?? null) === null) continue
    throw new UnsupportedTableError(table, file, what, 'copy it into a table of format version 2')
  }
}
