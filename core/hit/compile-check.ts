/**
 * Compiles a zod schema into one function that only says yes or no, without building results or issues: the check of
 * every hit on the hot path. It accepts exactly what zod accepts (a property test holds the two equal). The kinds of node
 * are a closed set; a schema that uses another one, or a check or a transform not known here, is refused when it is
 * compiled, never misread.
 */
import type { z } from 'zod'
import { boundsOf } from '../bounded.ts'

export type Check = (value: unknown) => boolean

/** A function given to `refine`. */
export type Rule = (text: string) => boolean

interface CheckDefinition {
  readonly check: string
  readonly fn?: (value: unknown) => unknown
  readonly when?: unknown
}

interface Definition {
  readonly type: string
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[]
  readonly innerType?: Node
  readonly element?: Node
  readonly keyType?: Node
  readonly valueType?: Node
  readonly shape?: Readonly<Record<string, Node>>
  readonly catchall?: Node
  readonly options?: readonly Node[]
  readonly in?: Node
  readonly out?: Node
  readonly fn?: (value: unknown) => unknown
  readonly coerce?: boolean
  readonly format?: string
}

interface Node {
  readonly _zod: { readonly def: Definition }
}

/**
 * The compiled check of `schema`, without asking the rules in `given`: those hold already of every value it will see.
 * @throws TypeError naming a node that it cannot compile
 */
export function compileCheck(schema: z.ZodType, given: readonly Rule[] = []): Check {
  const source = new Source(given)
  const body = source.refuseUnless(schema as unknown as Node, 'value')
  const compiled = new Function(...source.names, `'use strict'; return function check(value) { ${body} return true }`)
  return compiled(...source.values) as Check
}

/** Text of the function under way, and the functions and sets it closes over. */
class Source {
  readonly names: string[] = []
  readonly values: unknown[] = []
  private variables = 0

  constructor(private readonly given: readonly unknown[]) {}

  /** Statements that `return false` unless the value of the expression `at` passes. */
  refuseUnless(node: Node, at: string): string {
    const definition = node._zod.def
    if (definition.coerce === true || definition.format !== undefined)
      throw unknownNode(definition.type, 'coercion or format')
    return this.statements(definition, at) + this.checks(definition, at)
  }

  private statements(definition: Definition, at: string): string {
    switch (definition.type) {
      case 'string':
        return `if (typeof ${at} !== 'string') return false;`
      case 'number':
        return `if (typeof ${at} !== 'number' || !Number.isFinite(${at})) return false;`
      case 'boolean':
        return `if (typeof ${at} !== 'boolean') return false;`
      case 'null':
        return `if (${at} !== null) return false;`
      case 'custom':
        return `if (!${this.close(definition.fn)}(${at})) return false;`
      case 'optional':
        return `if (${at} !== undefined) { ${this.refuseUnless(known(definition.innerType), at)} }`
      case 'pipe':
        return this.refuseUnless(known(definition.in), at) + this.refuseUnless(known(definition.out), at)
      case 'union':
        return this.union(definition, at)
      case 'array':
        return this.array(definition, at)
      case 'record':
        return this.record(definition, at)
      case 'object':
        return this.strictObject(definition, at)
      default:
        throw unknownNode(definition.type)
    }
  }

  private checks(definition: Definition, at: string): string {
    return (definition.checks ?? [])
      .map(({ _zod: { def } }) => {
        const bounds = boundsOf(def.fn)
        if (bounds !== undefined) {
          const { min, max } = bounds
          return `if (${min > 0 ? `${at}.length < ${min} || ` : ''}${at}.length > ${max}) return false;`
        }
        if (def.check === 'custom' && this.given.includes(def.fn)) return ''
        if (def.check === 'custom' && def.when === undefined) return `if (!${this.close(def.fn)}(${at})) return false;`
        throw unknownNode(definition.type, `check ${def.check}`)
      })
      .join('')
  }

  private union(definition: Definition, at: string): string {
    const options = (definition.options ?? []).map((option) => {
      const own = new Source(this.given)
      const body = own.refuseUnless(option, 'value')
      const check = new Function(...own.names, `'use strict'; return (value) => { ${body} return true }`)(...own.values)
      return `${this.close(check)}(${at})`
    })
    return `if (!(${options.join(' || ')})) return false;`
  }

  private array(definition: Definition, at: string): string {
    const [index, item] = [this.variable('i'), this.variable('item')]
    // The length is looked at before the items: a list of a million costs nothing.
    const length = this.checks(definition, at)
    return `if (!Array.isArray(${at})) return false; ${length} for (let ${index} = 0; ${index} < ${at}.length; ${index}++) {
      const ${item} = ${at}[${index}]; ${this.refuseUnless(known(definition.element), item)} }`
  }

  private record(definition: Definition, at: string): string {
    const key = this.variable('key')
    const item = this.variable('item')
    return `if (!${this.close(isPlainObject)}(${at})) return false; for (const ${key} in ${at}) {
      if (${key} === '__proto__') continue; ${this.refuseUnless(known(definition.keyType), key)}
      const ${item} = ${at}[${key}]; ${this.refuseUnless(known(definition.valueType), item)} }`
  }

  private strictObject(definition: Definition, at: string): string {
    if (definition.catchall?._zod.def.type !== 'never') throw unknownNode('object', 'keys beyond its shape')
    const shape = Object.entries(definition.shape ?? {})
    const [key, held, wanted] = [this.variable('key'), this.variable('held'), this.variable('wanted')]
    const names = this.close(new Set(shape.map(([name]) => name)))
    const fields = shape.map(([name, node]) => {
      const field = this.variable('field')
      return `const ${field} = ${at}[${JSON.stringify(name)}]; if (${field} !== undefined) ${wanted}++;
        ${this.refuseUnless(node, field)}`
    })
    // As many keys as fields that have a value: then no key is unknown, and none needs to be looked up.
    return `if (typeof ${at} !== 'object' || ${at} === null || Array.isArray(${at})) return false;
      let ${wanted} = 0; ${fields.join('\n')} let ${held} = 0; for (const ${key} in ${at}) ${held}++;
      if (${held} !== ${wanted}) for (const ${key} in ${at}) if (!${names}.has(${key})) return false;`
  }

  private close(value: unknown): string {
    if (value === undefined) throw unknownNode('custom', 'no function')
    const name = `closed${this.names.length}`
    this.names.push(name)
    this.values.push(value)
    return name
  }

  private variable(purpose: string): string {
    return `${purpose}${this.variables++}`
  }
}

function known(node: Node | undefined): Node {
  if (node === undefined) throw unknownNode('(absent)')
  return node
}

function unknownNode(type: string, what = 'this kind of node'): TypeError {
  return new TypeError(
    `cannot compile a check: ${what} in ${type}; add it to compile-check.ts with its law in the test`,
  )
}

/** As zod's records ask: an object that has no class of its own. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
