/**
 * The API's description at `/openapi.json`, made from the same schemas that check the requests, so that it cannot differ.
 * It shows no page: documents are data, and pages would need scripts of others.
 */
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/** Serves the description of every route of `app`. Call it BEFORE the application is initialised. */
export function serveOpenApi(
  app: INestApplication,
  { title, version }: { title: string; version: string },
): void {
  SwaggerModule.setup('docs', app, () => describeApi(app, { title, version }), {
    ui: false,
    raw: ['json'],
    jsonDocumentUrl: 'openapi.json',
  });
}

/** The OpenAPI document of `app`. */
export function describeApi(
  app: INestApplication,
  { title, version }: { title: string; version: string },
): OpenAPIObject {
  const config = new DocumentBuilder().setTitle(title).setVersion(version).addBearerAuth().build();
  return SwaggerModule.createDocument(app, config);
}
