/**
 * Expressions with what every engine must make of them. Each is asked over the rows of `drawn`, a relation made of the
 * dialect's own constants, so that what is tested is the printing; answers come as text.
 */
import { distinctOf } from '../../../core/sketch/distinct-of.ts'
import {
  and,
  arithmetic,
  boolean,
  column,
  compare,
  type Expression,
  falling,
  type LookedUp,
  named,
  not,
  or,
  orElse,
  type Select,
  text,
  whole,
} from './ast.ts'

export interface AskedExpression {
  readonly says: string
  readonly expression: Expression
  /** Of the first row. */
  readonly expected: string | null
}

const number = (of: Expression): Expression => ({ kind: 'asText', of })
const yes = compare(whole(1), '=', whole(1))
const no = compare(whole(1), '<>', whole(1))
const truth = (of: Expression): Expression =>
  number({ kind: 'case', branches: [{ when: of, value: text('yes') }], otherwise: text('no') })
const nothing: Expression = { kind: 'case', branches: [{ when: no, value: text('x') }] }
const contains = (of: string, part: string) => truth({ kind: 'contains', of: text(of), part })
const divided = (value: number, by: number) => number({ kind: 'floorDivide', of: whole(value), by })

const entries: readonly LookedUp[] = [
  { path: ['m', 'v'], value: 1 },
  { path: ['m', '"\\\u2028'], value: 2 ** 53 - 1 },
  { path: ["o'b", '😀'], value: 0 },
  { path: ["o'b", ''], value: 7 },
]
const lookedUp: readonly (readonly [readonly (string | null)[], string | null])[] = [
  [['m', 'v'], '1'],
  [['m', '"\\\u2028'], '9007199254740991'],
  [["o'b", '😀'], '0'],
  [["o'b", ''], '7'],
  [["o'b", 'v'], null],
  [['M', 'v'], null],
  [[null, 'v'], null],
  [['m', null], null],
]

export const scalarExpressions: readonly AskedExpression[] = [
  { says: 'or of which none holds', expression: truth(or(no, no)), expected: 'no' },
  { says: 'and inside of or', expression: truth(or(and(no, yes), and(yes, yes))), expected: 'yes' },
  { says: 'or inside of and', expression: truth(and(no, or(yes, yes))), expected: 'no' },
  { says: 'not of or', expression: truth(not(or(no, yes))), expected: 'no' },
  { says: 'not of a comparison', expression: truth(not(compare(text('a'), '=', text('b')))), expected: 'yes' },
  { says: 'a comparison of comparisons', expression: truth(compare(not(yes), '=', no)), expected: 'yes' },
  { says: 'is null', expression: truth({ kind: 'isNull', of: nothing }), expected: 'yes' },
  { says: 'is not null', expression: truth({ kind: 'notNull', of: nothing }), expected: 'no' },
  ...lookedUp.map(([keys, expected]) => ({
    says: `what stands at ${JSON.stringify(keys)}`,
    expression: number({ kind: 'lookUp', keys: keys.map((key) => (key === null ? nothing : text(key))), entries }),
    expected,
  })),
  {
    says: 'what stands at one text',
    expression: number({ kind: 'lookUp', keys: [text("o'b")], entries: [{ path: ["o'b"], value: -(2 ** 53) + 1 }] }),
    expected: '-9007199254740991',
  },
  { says: 'case without otherwise', expression: nothing, expected: null },
  { says: 'or else', expression: orElse(nothing, text('else')), expected: 'else' },
  {
    says: 'one of',
    expression: truth({
      kind: 'in',
      of: text("o'b"),
      literals: ['a', "o'b"].map((value) => ({ type: 'text', value })),
    }),
    expected: 'yes',
  },
  {
    says: 'none of',
    expression: truth(not({ kind: 'in', of: text(''), literals: [{ type: 'text', value: ' ' }] })),
    expected: 'yes',
  },
  { says: 'has a part', expression: contains('/pottery/bowls', 'ry/b'), expected: 'yes' },
  { says: 'has no part in other case', expression: contains('Bowl', 'bowl'), expected: 'no' },
  { says: 'wildcards are letters', expression: contains('bowl', 'b%l'), expected: 'no' },
  { says: 'every text has the empty part', expression: contains('abc', ''), expected: 'yes' },
  { says: 'even the empty text', expression: contains('', ''), expected: 'yes' },
  { says: 'a part beyond the BMP', expression: contains('a😀b', '😀'), expected: 'yes' },
  {
    says: 'brackets of sums in products',
    expression: number(arithmetic(arithmetic(whole(2), '+', whole(3)), '*', whole(4))),
    expected: '20',
  },
  {
    says: 'differences from the left',
    expression: number(arithmetic(whole(9), '-', arithmetic(whole(5), '-', whole(1)))),
    expected: '5',
  },
  { says: 'division', expression: divided(7, 2), expected: '3' },
  { says: 'division below 0', expression: divided(-7, 2), expected: '-4' },
  { says: 'division without rest below 0', expression: divided(-8, 2), expected: '-4' },
  { says: 'division of -1', expression: divided(-1, 86_400_000), expected: '-1' },
  {
    says: 'division at the end of safe numbers',
    expression: divided(Number.MAX_SAFE_INTEGER, 3),
    expected: '3002399751580330',
  },
  { says: 'true as text', expression: number(boolean(true)), expected: 'true' },
  { says: 'false as text', expression: number(boolean(false)), expected: 'false' },
  {
    says: 'an instant in ms',
    expression: number({
      kind: 'epochMs',
      of: { kind: 'literal', literal: { type: 'instant', value: 1_774_742_400_123 } },
    }),
    expected: '1774742400123',
  },
  {
    says: 'an instant of ms, before 1970 too',
    expression: number({ kind: 'epochMs', of: { kind: 'instantOf', ms: whole(-1_001) } }),
    expected: '-1001',
  },
  {
    says: 'an instant of ms that are computed',
    expression: number({
      kind: 'epochMs',
      of: { kind: 'instantOf', ms: arithmetic(whole(1_774_742_400_000), '+', whole(123)) },
    }),
    expected: '1774742400123',
  },
  {
    says: 'the hash of a text',
    expression: number({ kind: 'hashOf', text: text('abc') }),
    expected: '4213142463398924266',
  },
  {
    says: 'the hash of the empty text',
    expression: number({ kind: 'hashOf', text: text('') }),
    expected: '7183457195969485844',
  },
  {
    says: 'the hash of UTF-8',
    expression: number({ kind: 'hashOf', text: text('ä😀') }),
    expected: String(distinctOf('ä😀')),
  },
  { says: 'the hash of nothing', expression: number({ kind: 'hashOf', text: nothing }), expected: null },
  {
    says: 'an instant before 1970',
    expression: number({ kind: 'epochMs', of: { kind: 'literal', literal: { type: 'instant', value: -1_001 } } }),
    expected: '-1001',
  },
]

/** Columns p (partition), t (place in it), v and w (may be null): as whole numbers. Rows as every dialect can write them. */
export const drawnRows = `SELECT 1 AS p, 1 AS t, 5 AS v, 7 AS w UNION ALL SELECT 1, 2, 3, NULL UNION ALL SELECT 1, 3, 9, 2
UNION ALL SELECT 2, 1, 4, NULL UNION ALL SELECT 2, 2, 4, 6`

const over = (call: 'max' | 'min' | 'sum', of: string): Expression =>
  number({ kind: 'over', call, of: column(of), partitionBy: [column('p')], orderBy: [column('t')] })

/** Each expression as a column over the rows `drawn`, in the order of p, t; what the column holds. */
export const windowExpressions: readonly {
  readonly says: string
  readonly expression: Expression
  readonly expected: readonly (string | null)[]
}[] = [
  {
    says: 'the row before',
    expression: number({ kind: 'before', of: column('v'), partitionBy: [column('p')], orderBy: [column('t')] }),
    expected: [null, '5', '3', null, '4'],
  },
  { says: 'the largest so far', expression: over('max', 'v'), expected: ['5', '5', '9', '4', '4'] },
  {
    says: 'the smallest so far, passing over nulls',
    expression: over('min', 'w'),
    expected: ['7', '7', '2', null, '6'],
  },
  { says: 'the sum so far', expression: over('sum', 'v'), expected: ['5', '8', '17', '4', '8'] },
  {
    says: 'the largest of the partition',
    expression: number({ kind: 'over', call: 'max', of: column('v'), partitionBy: [column('p')] }),
    expected: ['9', '9', '9', '4', '4'],
  },
  {
    says: 'the place by several keys, one falling',
    expression: number({ kind: 'place', partitionBy: [column('p')], orderBy: [falling(column('v')), column('t')] }),
    expected: ['2', '3', '1', '1', '2'],
  },
  {
    says: 'the place of rows that tie',
    expression: number({ kind: 'rank', partitionBy: [column('p')], orderBy: [column('v')] }),
    expected: ['2', '1', '3', '1', '1'],
  },
  {
    says: 'the place in all rows',
    expression: number({ kind: 'place', partitionBy: [], orderBy: [column('v'), column('p'), column('t')] }),
    expected: ['4', '1', '5', '2', '3'],
  },
  {
    says: 'nulls last, rising',
    expression: number({ kind: 'place', partitionBy: [], orderBy: [column('w'), column('p')] }),
    expected: ['3', '4', '1', '5', '2'],
  },
  {
    says: 'nulls last, falling',
    expression: number({ kind: 'place', partitionBy: [], orderBy: [falling(column('w')), column('p')] }),
    expected: ['1', '4', '3', '5', '2'],
  },
]

export function windowSelect(expression: Expression): Select {
  return {
    columns: [{ expression, as: 'answer' }],
    from: named('drawn'),
    orderBy: [column('p'), column('t')],
  }
}

/** Of the rows of each partition, in the order of partitions. */
export const aggregateExpressions: readonly {
  readonly says: string
  readonly expression: Expression
  readonly expected: readonly (string | null)[]
}[] = [
  { says: 'the smallest', expression: number({ kind: 'min', of: column('v') }), expected: ['3', '4'] },
  {
    says: 'a list of whole numbers as texts',
    expression: { kind: 'listTexts', list: { kind: 'smallest', list: { kind: 'listOf', of: column('v') }, limit: 2 } },
    expected: ['["3","5"]', '["4","4"]'],
  },
  {
    says: 'no list as texts',
    expression: {
      kind: 'listTexts',
      list: {
        kind: 'listOf',
        of: { kind: 'case', branches: [{ when: compare(column('v'), '<', whole(0)), value: column('v') }] },
      },
    },
    expected: [null, null],
  },
  {
    says: 'the value of the smallest key',
    expression: number({ kind: 'minBy', of: column('t'), by: [column('v'), column('t')] }),
    expected: ['2', '1'],
  },
  {
    says: 'the value of the largest keys',
    expression: number({ kind: 'maxBy', of: column('t'), by: [column('v'), column('t')] }),
    expected: ['3', '2'],
  },
  {
    says: 'the value of the smallest of keys where the first tie',
    expression: number({ kind: 'minBy', of: column('v'), by: [column('p'), column('t')] }),
    expected: ['5', '4'],
  },
]

export function aggregateSelect(expression: Expression): Select {
  return {
    columns: [{ expression, as: 'answer' }],
    from: named('drawn'),
    groupBy: [column('p')],
    orderBy: [column('p')],
  }
}

const limited: Select = {
  columns: [{ expression: column('v'), as: 'v' }],
  from: named('drawn'),
  orderBy: [falling(column('v'))],
  limit: 2,
}

/** Sums by key of lists that are joined: keys 1 and 2 of partition 1 twice. */
export const relationSelects: readonly {
  readonly says: string
  readonly select: Select
  readonly expected: readonly (readonly (string | null)[])[]
}[] = [
  {
    says: 'union of selects that have a limit and a WITH of their own',
    select: {
      columns: [{ expression: number(column('v', 'rows')), as: 'v' }],
      from: {
        relation: {
          kind: 'unionAll',
          selects: [
            limited,
            {
              with: [{ name: 'inner', select: limited }],
              columns: [{ expression: column('v'), as: 'v' }],
              from: named('inner'),
            },
          ],
        },
        as: 'rows',
      },
      orderBy: [column('v', 'rows')],
    },
    expected: [['5'], ['5'], ['9'], ['9']],
  },
  {
    says: 'rows of literals',
    select: {
      columns: [
        { expression: number(column('start', 'units')), as: 'start' },
        { expression: column('merchant', 'units'), as: 'merchant' },
        { expression: number({ kind: 'epochMs', of: column('at', 'units') }), as: 'at' },
      ],
      from: {
        relation: {
          kind: 'rows',
          columns: [
            { name: 'merchant', type: 'text' },
            { name: 'start', type: 'whole' },
            { name: 'at', type: 'instant' },
          ],
          rows: [
            [
              { type: 'text', value: "o'b" },
              { type: 'whole', value: 2 },
              { type: 'instant', value: 7 },
            ],
            [
              { type: 'text', value: 'longer' },
              { type: 'whole', value: 1 },
              { type: 'instant', value: 8 },
            ],
          ],
        },
        as: 'units',
      },
      orderBy: [column('start', 'units')],
    },
    expected: [
      ['1', 'longer', '8'],
      ['2', "o'b", '7'],
    ],
  },
  {
    says: 'lists of structs, joined and summed by key, then the smallest of a list',
    select: {
      with: [
        {
          name: 'listed',
          select: {
            columns: [
              { expression: column('p'), as: 'p' },
              {
                expression: {
                  kind: 'listOf',
                  of: {
                    kind: 'struct',
                    fields: [
                      { name: 'key', type: 'int', of: column('v') },
                      { name: 'n', type: 'long', of: column('t') },
                    ],
                  },
                },
                as: 'pairs',
              },
              { expression: { kind: 'listOf', of: column('v') }, as: 'numbers' },
            ],
            from: named('drawn'),
            groupBy: [column('p'), column('t')],
          },
        },
        {
          name: 'joined',
          select: {
            columns: [
              { expression: column('p'), as: 'p' },
              { expression: { kind: 'joinedLists', lists: column('pairs') }, as: 'pairs' },
              { expression: { kind: 'joinedLists', lists: column('numbers') }, as: 'numbers' },
            ],
            from: named('listed'),
            groupBy: [column('p')],
          },
        },
      ],
      columns: [
        {
          expression: {
            kind: 'pairs',
            key: 'key',
            value: 'n',
            list: {
              kind: 'sumByKey',
              list: column('pairs'),
              key: { name: 'key', type: 'int' },
              value: { name: 'n', type: 'long' },
            },
          },
          as: 'pairs',
        },
        {
          expression: number({
            kind: 'largestOfSmallest',
            list: { kind: 'smallest', list: column('numbers'), limit: 2 },
            limit: 9,
          }),
          as: 'second',
        },
      ],
      from: named('joined'),
      orderBy: [column('p')],
    },
    expected: [
      ['[["3","2"],["5","1"],["9","3"]]', '5'],
      ['[["4","3"]]', '4'],
    ],
  },
]

/** JSON texts as `JSON.stringify` makes them, with keys to look up in each. */
export const propObjects: readonly Readonly<Record<string, string | number | boolean | null>>[] = [
  {},
  {
    a: '',
    b: null,
    c: true,
    d: false,
    e: 'true',
    'e"f': 'x"y\\',
    'g\\': '\\',
    '/h~0': '$',
    '$.i': 'path',
    i: 'not by path',
  },
  {
    a: 0,
    b: -0,
    c: 1e21,
    d: 1e-7,
    e: 12.5,
    f: 123456789012345680000,
    g: 0.1 + 0.2,
    h: 5e-324,
    i: -1.7976931348623157e308,
    j: 9007199254740992,
    k: 100,
  },
  // Text that would be a member, were it not inside of a value.
  { p: ',', ':x': 1, ',': 'key', '': 'empty key', a: '","b":1', b: '{"a":2}', c: ',"a":3,', d: '\\","a":4' },
  {
    a: 'ü😀\u2028\ufeff',
    'ü😀': 'ö\nline\ttab\b',
    b: 'null',
    c: 'x'.repeat(1_024),
    d: "o'brien",
    e: '\\u0041',
    f: ' a ',
  },
  { 'a.b': 'dot', 'a b': 'space', a: 'plain', "'": 'quote', '%': 'percent', '[0]': 'index', '*': 'star' },
]

export const propKeys: readonly string[] = [
  ...new Set(propObjects.flatMap((each) => Object.keys(each))),
  'absent',
  'A',
  '"',
  '\\',
]
