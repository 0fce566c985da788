/**
 * What is sold, for a shop window: read from memory, so it costs nothing and may be a second old.
 * Stock told here is never a promise; only the saga's reserve is.
 */
import { Controller, Get, Query } from '@nestjs/common';
import { CatalogueProjection } from './catalogue.projection.js';
import { productAnswer, type ProductAnswer } from './order.answers.js';
import { listProductsQuery, type ListProductsQuery } from './order.requests.js';

@Controller('products')
export class ProductsController {
  constructor(private readonly catalogue: CatalogueProjection) {}

  /** The products sold in `currency`, in order of SKU. */
  @Get()
  list(@Query({ schema: listProductsQuery }) { currency }: ListProductsQuery): {
    readonly items: readonly ProductAnswer[];
  } {
    const products = [...this.catalogue.products.values()];
    return { items: products.flatMap((product) => productAnswer(product, currency) ?? []) };
  }
}
