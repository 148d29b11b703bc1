import { z } from 'zod';
import type { Tool } from './tool.js';
import { TOOLS } from './tools.js';

export const TOOL_FORMATS = ['OPENAI', 'ANTHROPIC', 'MCP'] as const;
export type ToolFormat = (typeof TOOL_FORMATS)[number];
export type ToolDefinition = Record<string, unknown>;

interface ObjectSchema {
  $schema?: string;
  type: 'object';
  properties: Record<string, Record<string, unknown>>;
  required?: string[];
  additionalProperties: false;
}

/** The tools as the APIs of models and MCP take them, from the one declaration of each. */
export function definitionsIn(format: ToolFormat): ToolDefinition[] {
  return TOOLS.map((tool) => RENDER[format](tool, schemaOf(tool)));
}

const RENDER: Record<ToolFormat, (tool: Tool, schema: ObjectSchema) => ToolDefinition> = {
  OPENAI: ({ name, description }, schema) => ({
    type: 'function',
    function: { name, description, strict: true, parameters: everyOneRequired(schema) },
  }),
  ANTHROPIC: ({ name, description }, schema) => ({ name, description, input_schema: schema }),
  MCP: ({ name, title, description, hints }, schema) => ({
    name,
    title,
    description,
    inputSchema: schema,
    annotations: { ...hints, openWorldHint: false },
  }),
};

/** JSON Schema, draft 2020-12. */
function schemaOf({ arguments: schema }: Tool): ObjectSchema {
  return z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) as unknown as ObjectSchema;
}

/** OpenAI's strict mode knows no optional arguments, defaults or lengths: what may be left out may be null there. */
function everyOneRequired({ type, properties, required = [], additionalProperties }: ObjectSchema): ObjectSchema {
  const filledIn = Object.entries(properties).map(([name, property]) => {
    const { default: fallback, maxLength, description, ...rest } = property;
    const notes = [
      description,
      maxLength !== undefined && `At most ${String(maxLength)} characters.`,
      fallback !== undefined && `Default: ${String(fallback)}.`,
    ];
    const told = { ...rest, description: notes.filter(Boolean).join(' ') };
    return [name, required.includes(name) ? told : orNull(told)];
  });
  return {
    type,
    properties: Object.fromEntries(filledIn) as ObjectSchema['properties'],
    required: Object.keys(properties),
    additionalProperties,
  };
}

function orNull(property: Record<string, unknown>): Record<string, unknown> {
  const { type, enum: words } = property;
  return { ...property, type: [type, 'null'], ...(Array.isArray(words) && { enum: [...words, null] }) };
}
