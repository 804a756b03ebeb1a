import avro from 'avsc'
import { describe, expect, it } from 'vitest'
import { canonicalForm, rabinFingerprint, singleObjectHeader } from './fingerprint.ts'
import { knownSchemas } from './hit-batch.ts'

describe('the fingerprint of a schema', () => {
  // apache/avro, share/test/data/schema-tests.txt (Apache-2.0): canonical form and fingerprint as a signed 64-bit number.
  it.each([
    ['"null"', 7195948357588979594n],
    ['"boolean"', -6970731678124411036n],
    ['"int"', 8247732601305521295n],
    ['"long"', -3434872931120570953n],
    ['"float"', 5583340709985441680n],
    ['"double"', -8181574048448539266n],
    ['"bytes"', 5746618253357095269n],
    ['"string"', -8142146995180207161n],
  ])('of %s is the published one', (form, signed) => {
    expect(BigInt.asIntN(64, rabinFingerprint(form))).toBe(signed)
    expect(canonicalForm(JSON.parse(form))).toBe(form)
    expect(canonicalForm({ type: JSON.parse(form) })).toBe(form)
  })

  it('follows single-object encoding: C3 01, then the fingerprint, lowest byte first', () => {
    expect(singleObjectHeader('int').toString('hex')).toBe('c3018f5c393f1ad57572')
  })

  it('ignores what changes no bytes: docs, defaults, logical types, the order of attributes, the way a name is written', () => {
    const plain = { type: 'record', name: 'a.B', fields: [{ name: 'c', type: 'long' }] }
    const decorated = {
      fields: [{ doc: 'when', name: 'c', default: 0, type: { logicalType: 'timestamp-millis', type: 'long' } }],
      doc: 'a record',
      namespace: 'a',
      name: 'B',
      type: 'record',
    }
    expect(canonicalForm(decorated)).toBe(canonicalForm(plain))
    expect(canonicalForm(plain)).toBe('{"name":"a.B","type":"record","fields":[{"name":"c","type":"long"}]}')
  })

  it.each(knownSchemas.map((schema, index) => ({ schema, version: index + 1 })))(
    'is of the same canonical form that avsc makes, version $version',
    ({ schema }) => {
      const type = avro.Type.forSchema(schema as Parameters<typeof avro.Type.forSchema>[0], { wrapUnions: 'never' })
      expect(JSON.parse(canonicalForm(schema))).toEqual(type.schema())
      expect(canonicalForm(schema)).toBe(JSON.stringify(type.schema()))
    },
  )

  // A schema that is in a log somewhere can never change: this test fails when one did. A change is a new version.
  it('of every version ever written stays what it is', () => {
    expect(knownSchemas.map((schema) => singleObjectHeader(schema).toString('hex'))).toEqual([
      'c301cb83bf0028177a8a',
      'c301a826a316e875c7bf',
    ])
  })
})
