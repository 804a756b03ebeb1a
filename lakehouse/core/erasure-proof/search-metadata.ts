/** Iceberg metadata in a proof of erasure: every text, every bound, decoded; and what names what, for the mend. */
import { gunzipSync } from 'node:zlib'
import { readContainer } from '../iceberg/read-container.ts'
import { metadataMaxBytes, readMetadata } from '../iceberg/read-metadata.ts'
import type { NamedFiles } from './named-files.ts'
import type { Needle } from './question.ts'

/** A place in a metadata file. `dataFile`: what the manifest entry is about; null elsewhere. */
export interface MetadataFind {
  readonly where: string
  readonly how: 'exact' | 'cut'
  readonly bound: Buffer | null
  readonly dataFile: string | null
}

/** @throws where it is no table metadata that can be read */
export function searchTableMetadata(
  object: string,
  bytes: Buffer,
  { needle, named }: { readonly needle: Needle; readonly named: NamedFiles },
): readonly MetadataFind[] {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
  const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: metadataMaxBytes }) : bytes
  const metadata = readMetadata(object, object, plain)
  const version = Number(/(\d+)[^/]*\.metadata\.json$/.exec(object)?.[1] ?? 0)
  named.metadata(object, version, metadata)
  return needle.inText(plain.toString('utf8')) ? [{ where: 'its text', how: 'exact', bound: null, dataFile: null }] : []
}

/** Manifests and manifest lists. @throws where it is no Avro file that can be read */
export function searchAvro(
  object: string,
  bytes: Buffer,
  { needle, named }: { readonly needle: Needle; readonly named: NamedFiles },
): readonly MetadataFind[] {
  const { header, records } = readContainer(bytes)
  const finds: MetadataFind[] = []
  for (const [name, text] of header) {
    if (needle.inText(text)) finds.push({ where: `header ${name}`, how: 'exact', bound: null, dataFile: null })
  }
  const manifests: string[] = []
  const dataFiles: string[] = []
  for (const [number, record] of records.entries()) {
    const { data_file: file, manifest_path: manifest } = record as AvroEntry
    if (typeof manifest === 'string') manifests.push(manifest)
    const dataFile = typeof file?.file_path === 'string' ? file.file_path : null
    if (dataFile !== null) dataFiles.push(dataFile)
    for (const each of walk(record, `entry ${number}`, needle)) finds.push({ ...each, dataFile })
  }
  if (manifests.length > 0) named.list(object, manifests)
  else named.manifest(object, dataFiles)
  return finds
}

interface AvroEntry {
  readonly data_file?: { readonly file_path?: unknown }
  readonly manifest_path?: unknown
}

/** Every text and every piece of bytes of a value, however deep. */
function* walk(value: unknown, where: string, needle: Needle): Generator<Omit<MetadataFind, 'dataFile'>> {
  if (typeof value === 'string') {
    if (needle.inText(value)) yield { where, how: 'exact', bound: null }
  } else if (Buffer.isBuffer(value)) {
    const how = needle.asBound(value)
    if (how !== null) yield { where, how, bound: value }
  } else if (Array.isArray(value)) {
    for (const [at, each] of value.entries()) {
      // A map of Iceberg is a list of keys and values: the key is the column's id.
      const key = (each as { readonly key?: unknown } | null)?.key
      yield* walk(each, key === undefined ? `${where}[${at}]` : `${where} of column ${key}`, needle)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, each] of Object.entries(value)) yield* walk(each, `${where} ${name}`, needle)
  }
}
