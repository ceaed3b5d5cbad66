#include "streamer/model/entity.h"

const struct entity_info *entity_info(enum entity entity) {
    static const struct entity_info maps[ENTITY_COUNT] = {
        [ENTITY_CUSTOMER] = {"customers", TOPIC_CUSTOMERS, TOPIC_REPARTITION_CUSTOMERS,
                             FIELD_CUSTOMER_ID,
                             FIELD_BIT(FIELD_CUSTOMER_ID) | FIELD_BIT(FIELD_CUSTOMER_NAME) |
                                 FIELD_BIT(FIELD_HAS_LOAN)},
        [ENTITY_ACCOUNT] = {"accounts", TOPIC_ACCOUNTS, TOPIC_REPARTITION_ACCOUNTS,
                            FIELD_ACCOUNT_ID,
                            FIELD_BIT(FIELD_ACCOUNT_ID) | FIELD_BIT(FIELD_CUSTOMER_ID) |
                                FIELD_BIT(FIELD_BALANCE) | FIELD_BIT(FIELD_ACCOUNT_TYPE)},
    };
    return &maps[entity];
}
