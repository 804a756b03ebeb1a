/**
 * A table definition in Iceberg's words: schema with field ids, partition spec, sort order (spec, Appendix C "JSON
 * serialization"). Every field is optional, because DuckDB writes Parquet columns so.
 */
import type { Column, ColumnType, TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodField } from '../partition.ts'
import type { JsonValue } from './json.ts'

export interface IcebergSchema {
  readonly type: 'struct'
  readonly 'schema-id': number
  readonly fields: readonly JsonValue[]
}

export interface PartitionField {
  readonly name: string
  readonly transform: string
  readonly 'source-id': number
  readonly 'field-id': number
}

export interface PartitionSpec {
  readonly 'spec-id': number
  readonly fields: readonly PartitionField[]
}

/** Partition field ids start here (spec, "Partition Specs": v1 writers assigned from 1000, and all kept to it). */
const firstPartitionFieldId = 1_000

export function schemaFields(columns: readonly Column[]): JsonValue[] {
  return columns.map((column) => ({
    id: column.id,
    name: column.name,
    required: false,
    type: typeJson(column.type),
    doc: column.doc,
  }))
}

function typeJson(type: ColumnType): JsonValue {
  if (type === 'decimal38') return 'decimal(38, 0)'
  if (typeof type === 'string') return type
  if ('struct' in type) return { type: 'struct', fields: schemaFields(type.struct) }
  return {
    type: 'list',
    'element-id': type.list.elementId,
    'element-required': false,
    element: typeJson(type.list.element),
  }
}

/** The largest field id in use, nested ones included. */
export function lastColumnId(columns: readonly Column[]): number {
  return Math.max(...columns.flatMap((column) => [column.id, ...nestedIds(column.type)]))
}

function nestedIds(type: ColumnType): number[] {
  if (typeof type === 'string') return []
  if ('struct' in type) return [lastColumnId(type.struct)]
  return [type.list.elementId, ...nestedIds(type.list.element)]
}

export function columnOf(definition: TableDefinition, name: string): Column {
  const found = definition.columns.find((column) => column.name === name)
  if (found === undefined) throw new TypeError(`table ${definition.name} has no column ${name}`)
  return found
}

export function partitionSpec(definition: TableDefinition, specId: number): PartitionSpec {
  const { column, transform } = partitionTime(definition)
  const period: Omit<PartitionField, 'field-id'> = {
    name: periodField(definition),
    transform,
    'source-id': columnOf(definition, column).id,
  }
  const generation: Omit<PartitionField, 'field-id'>[] = definition.partition.generation
    ? [{ name: '_gen', transform: 'identity', 'source-id': columnOf(definition, '_gen').id }]
    : []
  const fields = [...generation, period].map((field, at) => ({ ...field, 'field-id': firstPartitionFieldId + at }))
  return { 'spec-id': specId, fields }
}

export function sortOrder(definition: TableDefinition, orderId: number): JsonValue {
  return {
    'order-id': orderId,
    fields: definition.sort.map((name) => ({
      transform: 'identity',
      'source-id': columnOf(definition, name).id,
      direction: 'asc',
      'null-order': 'nulls-first',
    })),
  }
}
