export { definitionsIn, TOOL_FORMATS, type ToolDefinition, type ToolFormat } from './definitions.js';
export { PoolResources, type PoolResource } from './pool-resources.js';
export { ToolsService, type ToolResult } from './tools.service.js';
