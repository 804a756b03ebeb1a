/** What a commit of a program changes in the schema: columns that its table definition has and the table never had. */
import type { TableDefinition } from '../../../core/tables.ts'
import type { JsonValue } from './json.ts'
import { currentSchema, type TableMetadata } from './metadata.ts'
import { type IcebergSchema, lastColumnId, schemaFields } from './schema.ts'
import type { TableUpdate } from './updates.ts'

/**
 * None where the definition's columns are in the current schema already, else a new schema that is made current. Columns
 * another writer added stay. What an earlier schema of the table says of a column is old news: a column that was renamed or
 * dropped since is not brought back by a program that does not know of it.
 */
export function definitionUpdates(metadata: TableMetadata, definition: TableDefinition): readonly TableUpdate[] {
  const current = currentSchema(metadata)
  const known = new Set(metadata.schemas.flatMap((schema) => schema.fields.map(shape)))
  const wanted = schemaFields(definition.columns)
  const isNews = (field: JsonValue) => !known.has(shape(field))
  if (!wanted.some(isNews)) return []
  const now = new Map(current.fields.map((field) => [fieldId(field), field]))
  const ours = wanted.flatMap((field) => {
    const kept = now.get(fieldId(field))
    return isNews(field) ? [field] : kept === undefined ? [] : [kept]
  })
  const ids = new Set(ours.map(fieldId))
  const fields = [...ours, ...current.fields.filter((field) => !ids.has(fieldId(field)))]
  return schemaUpdates(metadata, { ...current, fields }, lastColumnId(definition.columns))
}

/** Makes the schema current: as one of those the table has where it is the same, else as a new one. */
export function schemaUpdates(
  metadata: TableMetadata,
  wanted: IcebergSchema,
  largestColumnId: number,
): readonly TableUpdate[] {
  const same = metadata.schemas.find((schema) => contentOf(schema) === contentOf(wanted))
  if (same !== undefined) return [{ action: 'set-current-schema', schemaId: same['schema-id'] }]
  const schemaId = Math.max(...metadata.schemas.map((schema) => schema['schema-id'])) + 1
  return [
    { action: 'add-schema', schema: { ...wanted, 'schema-id': schemaId }, lastColumnId: largestColumnId },
    { action: 'set-current-schema', schemaId },
  ]
}

export function fieldId(field: JsonValue): number {
  return (field as { readonly id: number }).id
}

function contentOf(schema: IcebergSchema): string {
  return JSON.stringify({ ...schema, 'schema-id': 0 })
}

// What makes two fields the same: all but their docs.
function shape(field: JsonValue): string {
  return JSON.stringify(field, (name, value) => (name === 'doc' ? undefined : value))
}
