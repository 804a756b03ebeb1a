/**
 * The Avro schemas of manifests and manifest lists (Iceberg spec, "Manifests" and "Manifest Lists", format version 2),
 * field ids included.
 */
import type { PartitionSpec } from './schema.ts'

const field = (id: number, name: string, type: unknown) => ({ name, type, 'field-id': id })
const optional = (id: number, name: string, type: unknown) => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
})
const mapOf = (keyId: number, valueId: number, value: unknown) => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${keyId}_v${valueId}`,
    fields: [field(keyId, 'key', 'int'), field(valueId, 'value', value)],
  },
})
const listOf = (elementId: number, element: unknown) => ({ type: 'array', items: element, 'element-id': elementId })

/** Schema of a manifest's entries: the partition tuple is the spec's. Of `content` 1: of delete files. */
export function manifestEntrySchema(spec: PartitionSpec, content: 0 | 1 = 0): unknown {
  const partition = spec.fields.map((part) =>
    optional(part['field-id'], part.name, part.transform === 'day' ? { type: 'int', logicalType: 'date' } : 'int'),
  )
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      field(0, 'status', 'int'),
      optional(1, 'snapshot_id', 'long'),
      optional(3, 'sequence_number', 'long'),
      optional(4, 'file_sequence_number', 'long'),
      field(2, 'data_file', {
        type: 'record',
        name: 'r2',
        fields: [
          field(134, 'content', 'int'),
          field(100, 'file_path', 'string'),
          field(101, 'file_format', 'string'),
          field(102, 'partition', { type: 'record', name: 'r102', fields: partition }),
          field(103, 'record_count', 'long'),
          field(104, 'file_size_in_bytes', 'long'),
          optional(108, 'column_sizes', mapOf(117, 118, 'long')),
          optional(109, 'value_counts', mapOf(119, 120, 'long')),
          optional(110, 'null_value_counts', mapOf(121, 122, 'long')),
          optional(137, 'nan_value_counts', mapOf(138, 139, 'long')),
          optional(125, 'lower_bounds', mapOf(126, 127, 'bytes')),
          optional(128, 'upper_bounds', mapOf(129, 130, 'bytes')),
          optional(131, 'key_metadata', 'bytes'),
          optional(132, 'split_offsets', listOf(133, 'long')),
          optional(135, 'equality_ids', listOf(136, 'int')),
          optional(140, 'sort_order_id', 'int'),
          ...(content === 1 ? [optional(143, 'referenced_data_file', 'string')] : []),
        ],
      }),
    ],
  }
}

/** Schema of a manifest list's rows. */
export const manifestFileSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int'),
    field(515, 'sequence_number', 'long'),
    field(516, 'min_sequence_number', 'long'),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', {
      ...listOf(508, {
        type: 'record',
        name: 'r508',
        fields: [
          field(509, 'contains_null', 'boolean'),
          optional(518, 'contains_nan', 'boolean'),
          optional(510, 'lower_bound', 'bytes'),
          optional(511, 'upper_bound', 'bytes'),
        ],
      }),
    }),
    optional(519, 'key_metadata', 'bytes'),
  ],
}
