// Money
export { amountMinorMax, currency, currencyDecimals, money, type Currency, type Money } from './money.js';
// Order
export {
  concludeOrder,
  confirmOrder,
  holdOrder,
  orderEvent,
  placeOrderDefinitions,
  placeOrderInput,
  rejectOrder,
  type OrderProtocol,
  type PlaceOrderInput,
} from './order.js';
// Inventory
export {
  holdStock,
  productsListed,
  productsListedType,
  reserveStock,
  sku,
  stockChanged,
  stockChangedType,
  takeStock,
} from './inventory.js';
// Payment
export { authorizePayment, chargePayment, paymentToken } from './payment.js';
// Shipping
export { address, createShipment, holdShipment } from './shipping.js';
// Travel
export {
  approval,
  bookCar,
  bookFlight,
  bookHotel,
  bookTripInput,
  issueTickets,
  tellTraveller,
  type BookTripInput,
} from './travel.js';
// Billing
export {
  chargeCard,
  closeAccess,
  collectPayment,
  leaving,
  newCard,
  openAccess,
  remindCustomer,
  subscribeInput,
  type Leaving,
  type NewCard,
  type SubscribeInput,
} from './billing.js';
