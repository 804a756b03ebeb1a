/**
 * Compiles an Avro schema into one function that writes a value: what avsc's writer does, in about a third of its time,
 * because it is straight code for one schema and knows that most strings are short and ASCII. The kinds of node are the
 * closed set of our schemas; another one is refused when it is compiled. A property test holds the bytes equal to avsc's.
 */
import { type AvroObject, type AvroSchema, fullName, innerNamespace } from './fingerprint.ts'
import { longLimit } from './long-limit.ts'

/**
 * Writes `value` at `at` and returns the position behind it. Where that is beyond the buffer's end, the buffer was too
 * small: nothing that was written counts. @throws TypeError for a value that is not of the schema
 */
export type Encode<T> = (value: T, buffer: Buffer, at: number) => number

/** The compiled writer of `schema`. @throws TypeError naming a node that it cannot compile */
export function compileEncode<T>(schema: AvroSchema): Encode<T> {
  const source = new Source()
  const body = source.write(schema, 'value', '')
  const helpers = { writeLong, writeLong64, writeDouble, writeString, fail }
  const text = `'use strict'; return function encode(value, buffer, at) { ${body} return at }`
  return new Function(...Object.keys(helpers), text)(...Object.values(helpers)) as Encode<T>
}

class Source {
  private readonly named = new Map<string, { readonly schema: AvroObject; readonly namespace: string }>()
  private variables = 0

  /** Statements that write the value of the expression `of` and move `at`. */
  write(schema: AvroSchema, of: string, namespace: string): string {
    if (typeof schema === 'string') return this.writeByName(schema, of, namespace)
    if (Array.isArray(schema)) return this.union(schema, of, namespace)
    const node = schema as AvroObject
    switch (node.type) {
      case 'record':
        return this.record(node, of, namespace)
      case 'enum':
        return this.symbol(node.symbols ?? [], of)
      case 'array':
        return this.array(node.items ?? 'null', of, namespace)
      case 'map':
        return this.map(node.values ?? 'null', of, namespace)
      case 'long':
        return node.logicalType === 'micros'
          ? `at = writeLong64(${of}, buffer, at);`
          : this.write('long', of, namespace)
      default:
        return this.write(node.type, of, namespace)
    }
  }

  private writeByName(name: string, of: string, namespace: string): string {
    switch (name) {
      case 'null':
        return `if (${of} !== null) fail(${of});`
      case 'boolean':
        return `if (typeof ${of} !== 'boolean') fail(${of}); buffer[at++] = ${of} ? 1 : 0;`
      case 'long':
        return `at = writeLong(${of}, buffer, at);`
      case 'double':
        return `at = writeDouble(${of}, buffer, at);`
      case 'string':
        return `at = writeString(${of}, buffer, at);`
      default: {
        const found = this.named.get(fullName(name, namespace))
        if (found === undefined) throw unknownType(name)
        return this.write(found.schema, of, found.namespace)
      }
    }
  }

  private record(node: AvroObject, of: string, namespace: string): string {
    const inner = innerNamespace(node, namespace)
    const fields = (node.fields ?? []).map(({ name, type }) => {
      const field = this.variable()
      return `const ${field} = ${of}[${JSON.stringify(name)}]; ${this.write(type, field, inner)}`
    })
    this.named.set(fullName(node.name ?? '', inner), { schema: node, namespace })
    return `if (typeof ${of} !== 'object' || ${of} === null) fail(${of}); ${fields.join('\n')}`
  }

  private union(branches: readonly AvroSchema[], of: string, namespace: string): string {
    const tests = branches.map((branch) => branchTest(branch, of))
    if (new Set(tests).size < tests.length) throw new TypeError('the branches of a union cannot be told apart')
    const choices = branches.map(
      (branch, index) => `if (${tests[index]}) { buffer[at++] = ${index * 2}; ${this.write(branch, of, namespace)} }`,
    )
    return `${choices.join(' else ')} else fail(${of});`
  }

  private symbol(symbols: readonly string[], of: string): string {
    const choices = symbols.map(
      (symbol, index) => `if (${of} === ${JSON.stringify(symbol)}) at = writeLong(${index}, buffer, at);`,
    )
    return `${choices.join(' else ')} else fail(${of});`
  }

  private array(items: AvroSchema, of: string, namespace: string): string {
    const item = this.variable()
    return `if (!Array.isArray(${of})) fail(${of});
      if (${of}.length > 0) { at = writeLong(${of}.length, buffer, at);
        for (const ${item} of ${of}) { ${this.write(items, item, namespace)} } }
      buffer[at++] = 0;`
  }

  private map(values: AvroSchema, of: string, namespace: string): string {
    const [count, key, value] = [this.variable(), this.variable(), this.variable()]
    return `if (typeof ${of} !== 'object' || ${of} === null) fail(${of});
      let ${count} = 0; for (const ${key} in ${of}) ${count}++;
      if (${count} > 0) { at = writeLong(${count}, buffer, at);
        for (const ${key} in ${of}) { const ${value} = ${of}[${key}];
          at = writeString(${key}, buffer, at); ${this.write(values, value, namespace)} } }
      buffer[at++] = 0;`
  }

  private variable(): string {
    return `v${this.variables++}`
  }
}

/** How a branch of a union is told from the others. */
function branchTest(branch: AvroSchema, of: string): string {
  const node = branch as AvroObject
  const type = typeof branch === 'string' ? branch : node.type
  switch (type) {
    case 'null':
      return `${of} === null`
    case 'boolean':
    case 'string':
      return `typeof ${of} === '${type}'`
    case 'double':
      return `typeof ${of} === 'number'`
    case 'long':
      return `typeof ${of} === '${node.logicalType === 'micros' ? 'bigint' : 'number'}'`
    case 'record':
      return `typeof ${of} === 'object' && ${of} !== null`
    default:
      throw unknownType(`${JSON.stringify(type)} in a union`)
  }
}

function unknownType(name: string): TypeError {
  return new TypeError(`no rule to write the Avro type ${name}; add one to compile-encode.ts`)
}

function fail(value: unknown): never {
  throw new TypeError(`${typeof value} is not what the Avro schema asks for`)
}

/** A whole number as zigzag varint. */
function writeLong(value: number, buffer: Buffer, start: number): number {
  if (!Number.isInteger(value) || value <= -longLimit || value >= longLimit) fail(value)
  let at = start
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  // Four bytes at a time hold 28 bits: integer arithmetic for all but the cut between them.
  while (rest >= 0x1000_0000) {
    const low = rest % 0x1000_0000
    rest = (rest - low) / 0x1000_0000
    buffer[at++] = (low & 0x7f) | 0x80
    buffer[at++] = ((low >> 7) & 0x7f) | 0x80
    buffer[at++] = ((low >> 14) & 0x7f) | 0x80
    buffer[at++] = (low >> 21) | 0x80
  }
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>= 7
  }
  buffer[at++] = rest
  return at
}

/** A bigint of 64 bits as zigzag varint. */
function writeLong64(value: bigint, buffer: Buffer, start: number): number {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) fail(value)
  const small = Number(value)
  if (small > -longLimit && small < longLimit) return writeLong(small, buffer, start)
  let at = start
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  while (rest > 0x7fn) {
    buffer[at++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  buffer[at++] = Number(rest)
  return at
}

const doubleBytes = new Uint8Array(8)
const doubleView = new DataView(doubleBytes.buffer)

function writeDouble(value: number, buffer: Buffer, at: number): number {
  if (typeof value !== 'number') fail(value)
  doubleView.setFloat64(0, value, true)
  for (let i = 0; i < 8; i++) buffer[at + i] = doubleBytes[i] as number
  return at + 8
}

/** Up to this length a loop over the characters is faster than a call into the runtime. */
const loopMaxLength = 120

function writeString(value: string, buffer: Buffer, at: number): number {
  if (typeof value !== 'string') fail(value)
  const { length } = value
  if (length <= loopMaxLength) {
    const end = writeAscii(value, buffer, at)
    if (end > 0) return end
  }
  const byteLength = Buffer.byteLength(value)
  const start = writeLong(byteLength, buffer, at)
  if (start + byteLength <= buffer.length) buffer.write(value, start, byteLength, 'utf8')
  return start + byteLength
}

/** Length and characters of an ASCII text of less than 8,192; 0, with nothing written that counts, for any other. */
function writeAscii(value: string, buffer: Buffer, start: number): number {
  const { length } = value
  let at = start
  if (length < 64) buffer[at++] = length * 2
  else {
    buffer[at++] = ((length * 2) & 0x7f) | 0x80
    buffer[at++] = length >> 6
  }
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i)
    if (unit > 0x7f) return 0
    buffer[at++] = unit
  }
  return at
}
