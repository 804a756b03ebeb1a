/**
 * Schema evolution (Iceberg spec, "Schema Evolution"): top-level columns are added, dropped, renamed and reordered by field
 * id, as one metadata commit. No file is touched: data files name columns by id, and every snapshot keeps the schema it was
 * made with.
 */
import { TableChangeRefusedError } from '../../../core/errors.ts'
import type { Column } from '../../../core/tables.ts'
import { type CommitOptions, commitUpdates } from './commit.ts'
import type { JsonValue } from './json.ts'
import { currentSchema, type TableMetadata } from './metadata.ts'
import { lastColumnId, schemaFields } from './schema.ts'
import { fieldId, schemaUpdates } from './schema-updates.ts'

export type SchemaChange =
  /** The ids of the column and what is in it were never used before: they are above `last-column-id`. */
  | { readonly kind: 'add'; readonly column: Column }
  | { readonly kind: 'drop'; readonly id: number }
  | { readonly kind: 'rename'; readonly id: number; readonly name: string }
  /** All ids of the schema, in their new order. */
  | { readonly kind: 'reorder'; readonly ids: readonly number[] }

type Field = { readonly [name: string]: JsonValue | undefined; readonly id: number; readonly name: string }

/**
 * Makes the changes, one after the other; the id of the schema that is current then. A program whose definition still has a
 * dropped column, or an old name, does not bring it back with its next commit.
 * @throws TableChangeRefusedError where the schema would be no good: a name twice, an id used before, a column that
 * partitions or sorts the table dropped
 * @throws CommitConflictError
 */
export function evolveSchema(options: CommitOptions, changes: readonly SchemaChange[]): Promise<number> {
  return commitUpdates(options, async (_base, metadata) => {
    const current = currentSchema(metadata)
    const before = current.fields as readonly Field[]
    const fields = changes.reduce((now, change) => changed({ options, metadata, change }, now), before)
    checkNames(options, fields)
    if (JSON.stringify(fields) === JSON.stringify(before)) return { done: current['schema-id'] }
    const added = changes.flatMap((change) => (change.kind === 'add' ? [change.column] : []))
    const largest = Math.max(metadata['last-column-id'], added.length === 0 ? 0 : lastColumnId(added))
    const updates = schemaUpdates(metadata, { ...current, fields }, largest)
    const schemaId = updates.reduce(
      (id, update) => (update.action === 'set-current-schema' ? update.schemaId : id),
      current['schema-id'],
    )
    return {
      requirements: [
        { type: 'uuid', uuid: metadata['table-uuid'] },
        { type: 'current-schema', schemaId: current['schema-id'] },
        { type: 'last-column-id', columnId: metadata['last-column-id'] },
      ],
      updates,
      result: schemaId,
    }
  })
}

interface Changing {
  readonly options: CommitOptions
  readonly metadata: TableMetadata
  readonly change: SchemaChange
}

function changed({ options, metadata, change }: Changing, fields: readonly Field[]): readonly Field[] {
  const refuse = (why: string) => new TableChangeRefusedError(options.definition.name, change.kind, why)
  if (change.kind === 'add') {
    const [field] = schemaFields([change.column]) as unknown as Field[]
    const ids = idsIn(field as Field)
    const known = new Set(fields.flatMap(idsIn))
    const taken = ids.find((id) => id <= metadata['last-column-id'] || known.has(id))
    if (field === undefined || taken !== undefined) {
      throw refuse(`field id ${taken} is taken; the next free one is ${metadata['last-column-id'] + 1}`)
    }
    return [...fields, field]
  }
  if (change.kind === 'reorder') {
    const byId = new Map(fields.map((field) => [field.id, field]))
    const ordered = change.ids.flatMap((id) => byId.get(id) ?? [])
    if (
      ordered.length !== fields.length ||
      change.ids.length !== fields.length ||
      new Set(ordered).size !== fields.length
    ) {
      throw refuse(`it names ${change.ids.join(', ')}; the schema has ${fields.map(fieldId).join(', ')}`)
    }
    return ordered
  }
  if (!fields.some((field) => field.id === change.id)) throw refuse(`there is no column with the id ${change.id}`)
  if (change.kind === 'rename') {
    return fields.map((field) => (field.id === change.id ? { ...field, name: change.name } : field))
  }
  const use = useOf(metadata, change.id)
  if (use !== undefined) throw refuse(`the column with the id ${change.id} ${use}`)
  return fields.filter((field) => field.id !== change.id)
}

// A reader resolves these by the current schema; without the column it can read nothing of the table.
function useOf(metadata: TableMetadata, id: number): string | undefined {
  if (metadata['partition-specs'].some((spec) => spec.fields.some((field) => field['source-id'] === id))) {
    return 'partitions the table'
  }
  const orders = metadata['sort-orders'] as readonly { readonly fields?: readonly { readonly 'source-id': number }[] }[]
  if (orders.some((order) => order.fields?.some((field) => field['source-id'] === id))) return 'sorts the table'
  const identifiers = (currentSchema(metadata) as { readonly 'identifier-field-ids'?: readonly number[] })[
    'identifier-field-ids'
  ]
  return identifiers?.includes(id) ? 'identifies its rows' : undefined
}

function checkNames({ definition }: CommitOptions, fields: readonly Field[]): void {
  const seen = new Set<string>()
  for (const { name } of fields) {
    // SQL engines tell no case apart.
    const plain = name.toLowerCase()
    const why = plain === '' ? 'a column has no name' : seen.has(plain) ? `two columns are called ${name}` : undefined
    if (why !== undefined) throw new TableChangeRefusedError(definition.name, 'the schema', why)
    seen.add(plain)
  }
  if (fields.length === 0) throw new TableChangeRefusedError(definition.name, 'the schema', 'no column is left')
}

/** A field's own id and those of what is in it. */
function idsIn(field: Field): number[] {
  const found: number[] = []
  JSON.stringify(field, (name, value) => {
    if (
      (name === 'id' || name === 'element-id' || name === 'key-id' || name === 'value-id') &&
      typeof value === 'number'
    ) {
      found.push(value)
    }
    return value
  })
  return found
}
