// Money
export { amountMinorMax, currency, currencyDecimals, money, type Currency, type Money } from './money.js';
// Order
export {
  confirmOrder,
  orderEvent,
  orderReason,
  placeOrderInput,
  rejectOrder,
  type PlaceOrderInput,
} from './order.js';
// Inventory
export {
  productsListed,
  productsListedType,
  reserveStock,
  sku,
  stockChanged,
  stockChangedType,
  stockLine,
} from './inventory.js';
// Payment
export { chargePayment, paymentToken } from './payment.js';
// Shipping
export { address, createShipment } from './shipping.js';
