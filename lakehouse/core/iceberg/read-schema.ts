/** Schemas in table metadata (Iceberg spec, "Schemas and Data Types" and Appendix C): their shape, and types not read here. */
import type { JsonValue } from './json.ts'
import { JsonFault, type JsonObject, list, object, safe, text } from './read-json.ts'

/** Those of format version 2. */
const primitives =
  /^(boolean|int|long|float|double|date|time|timestamp|timestamptz|string|uuid|binary|fixed\[\d{1,9}\]|decimal\(\d{1,2}, ?\d{1,2}\))$/

/**
 * What makes a schema one that is not read here: a type of a later format version. Undefined where all are known.
 * @throws JsonFault where they are no schemas
 */
export function checkSchemas(schemas: readonly JsonValue[]): string | undefined {
  for (const value of schemas) {
    const schema = object(value, 'a schema')
    safe(schema['schema-id'], 'schema-id')
    const unknown = unknownOfStruct(schema)
    if (unknown !== undefined) return unknown
  }
  return undefined
}

function unknownOfStruct(struct: JsonObject): string | undefined {
  for (const value of list(struct.fields, 'fields of a schema')) {
    const field = object(value, 'a field')
    safe(field.id, 'id of a field')
    const unknown = unknownType(field.type, text(field.name, 'name of a field').slice(0, 100))
    if (unknown !== undefined) return unknown
  }
  return undefined
}

function unknownType(type: JsonValue | undefined, column: string): string | undefined {
  if (typeof type === 'string') {
    return primitives.test(type) ? undefined : `column ${column} of type ${type.slice(0, 100)}`
  }
  const nested = object(type, 'type of a field')
  switch (nested.type) {
    case 'struct':
      return unknownOfStruct(nested)
    case 'list':
      safe(nested['element-id'], 'element-id')
      return unknownType(nested.element, column)
    case 'map':
      safe(nested['key-id'], 'key-id')
      safe(nested['value-id'], 'value-id')
      return unknownType(nested.key, column) ?? unknownType(nested.value, column)
    default:
      throw new JsonFault('a nested type is neither struct nor list nor map')
  }
}
