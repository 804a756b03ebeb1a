/**
 * The name of an Avro schema on the wire: CRC-64-AVRO (a Rabin fingerprint) of its Parsing Canonical Form, as the Avro
 * specification 1.11 gives both ("Parsing Canonical Form for Schemas", "Schema Fingerprints").
 */

/** An Avro schema as parsed JSON. Names are resolved against `namespace` of the schema they stand in. */
export type AvroSchema = string | readonly AvroSchema[] | AvroObject

export interface AvroObject {
  readonly type: AvroSchema
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly { readonly name: string; readonly type: AvroSchema }[]
  readonly symbols?: readonly string[]
  readonly items?: AvroSchema
  readonly values?: AvroSchema
  readonly size?: number
  readonly logicalType?: string
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])

/** The full name that `name` means inside `namespace`. */
export function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

/** The namespace that holds for what stands inside the named type `schema`. */
export function innerNamespace(schema: AvroObject, namespace: string): string {
  const name = schema.name ?? ''
  return name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : (schema.namespace ?? namespace)
}

/** Parsing Canonical Form: what two schemas must share to read each other's bytes; docs, defaults and logical types go. */
export function canonicalForm(schema: AvroSchema, namespace = ''): string {
  if (typeof schema === 'string') return JSON.stringify(primitives.has(schema) ? schema : fullName(schema, namespace))
  if (Array.isArray(schema)) return `[${schema.map((branch) => canonicalForm(branch, namespace)).join(',')}]`
  const node = schema as AvroObject
  if (typeof node.type !== 'string') return canonicalForm(node.type, namespace)
  if (primitives.has(node.type)) return JSON.stringify(node.type)

  const inner = innerNamespace(node, namespace)
  const parts: string[] = []
  if (node.name !== undefined) parts.push(`"name":${JSON.stringify(fullName(node.name, inner))}`)
  parts.push(`"type":${JSON.stringify(node.type)}`)
  if (node.fields !== undefined) {
    const fields = node.fields.map(
      (field) => `{"name":${JSON.stringify(field.name)},"type":${canonicalForm(field.type, inner)}}`,
    )
    parts.push(`"fields":[${fields.join(',')}]`)
  }
  if (node.symbols !== undefined) parts.push(`"symbols":${JSON.stringify(node.symbols)}`)
  if (node.items !== undefined) parts.push(`"items":${canonicalForm(node.items, inner)}`)
  if (node.values !== undefined) parts.push(`"values":${canonicalForm(node.values, inner)}`)
  if (node.size !== undefined) parts.push(`"size":${node.size}`)
  return `{${parts.join(',')}}`
}

const emptyFingerprint = 0xc15d213aa4d7a795n
const table = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? emptyFingerprint : 0n)
  return value
})

/** CRC-64-AVRO of the UTF-8 bytes of `text`, unsigned. */
export function rabinFingerprint(text: string): bigint {
  let value = emptyFingerprint
  for (const byte of Buffer.from(text, 'utf8')) {
    value = (value >> 8n) ^ (table[Number((value ^ BigInt(byte)) & 0xffn)] ?? 0n)
  }
  return value
}

/** The ten bytes before every record of single-object encoding: `C3 01` and the schema's fingerprint, little endian. */
export function singleObjectHeader(schema: AvroSchema): Buffer {
  const header = Buffer.from([0xc3, 0x01, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeBigUInt64LE(rabinFingerprint(canonicalForm(schema)), 2)
  return header
}
