"""More of what tools do: shops, banks, facts, computers, school, garden, media, people."""

from __future__ import annotations

from typing import Final

from training.data import words as w
from training.data.concepts import (
    Concept,
    Param,
    Value,
    done,
    integer_param,
    product,
    simple,
    string_param,
    text_of,
    words_of,
)
from training.data.phrases import Source, capital

REASONS = w.Pool.of("""
it arrived broken|the colour is wrong|it is too small|it is too big|a part is missing|it came too late
I changed my mind|it does not work|the box was empty|it smells odd|I ordered it twice|it is scratched
the sleeve is torn|it makes a loud noise|it does not fit|the lid is cracked|it will not switch on
the quality is poor|I found it cheaper|it never arrived|the zip is stuck|it leaks|the size label was wrong
it stopped after a day|the fabric is stained|the manual is missing|wrong model|defective battery
damaged in transit|not as described|the screen flickers|it overheats|the glass is chipped|wrong item sent
it was a gift they already had|the button is loose|the paint is peeling|it is the left one only
the plug is foreign|one leg is shorter|it rusts already|the handle came off|it is past its date
the seam is open|too heavy for me|the pages are blank|it wobbles|the strap broke|it looks used
half of it was missing|the bottle had leaked|the print is blurred|it shrank in the wash|the lens is dirty
the key does not turn|bought by accident|it has a dent|the clasp is bent|the sound crackles|it is far too thin|the hinges are rusty|I already have one|the shade does not match|it will not charge|the wheels squeak|it is out of tune|no charger inside
""".strip().replace("\n", "|"), "|")

VERDICTS = w.Pool.of("""
Great value|Fell apart in a week|Better than I hoped|Not worth the money|My kids love it|Solid and simple
Arrived late but works|A bit noisy|Would buy again|Too fragile|Exactly as shown|Nice colour, poor finish
Lasted two days|Comfortable and warm|Hard to clean|Easy to set up|Smaller than expected|Does the job
Very sturdy|I regret buying it|The best I have owned|Good for beginners|Cheap and it shows|Works like a charm
Heavy but well made|Stopped working after a month|A lovely gift|Instructions are useless|Quiet and quick
Nothing special|Good looks, bad handle|Perfect for camping|My cat hates it|Everyone at work wants one
Fits well|Needs a longer cable|Surprisingly good|Rusted in the rain|A pleasure to use|Not for daily use
Sharp and light|Smells of plastic|Pretty but useless|Saves me an hour a day|The old model was better
Simple and strong|Broke on the first day|Happy with it|Could be cheaper|It just works|Feels like a toy
Washes well|Looks better in real life|Hardly ever use it|Five years and still going|Too slippery
Beautiful work|Would not recommend|Good service too|Half the size I needed|Excellent grip|Loose screws
""".strip().replace("\n", "|"), "|")

VOCABULARY = w.Pool.of("""
serene gregarious frugal ubiquitous candid tedious brisk meander lucid nimble obsolete plausible
quaint reluctant scarce tangible urgent vivid wary zealous abundant brittle coherent diligent eager
feeble genuine hasty immense jovial keen lenient modest notorious opaque pensive robust sincere
thrifty upright versatile whimsical ponder linger scatter mumble stumble hesitate cherish endure
flourish glance hinder insist lament mend nurture oblige persuade quarrel rejoice shiver thrive
wander yearn ailment bargain courtesy dilemma errand folly gadget havoc inkling jargon kinship
leisure mischief nuisance ordeal paradox remorse solace turmoil verdict whim zest ephemeral stoic
placid sturdy gloomy
""")

PLANTS = w.Pool.of("""
tomatoes carrots peas lettuce spinach radishes onions leeks garlic beetroot cabbage kale broccoli
cauliflower courgettes pumpkins cucumbers peppers aubergines sweetcorn beans broad_beans parsnips
turnips celery fennel chard rocket asparagus rhubarb artichokes potatoes strawberries raspberries
blueberries gooseberries basil parsley coriander dill mint thyme sage rosemary oregano chives
tulips daffodils crocuses snowdrops hyacinths lilies dahlias sunflowers marigolds pansies roses
peonies lavender sweet_peas foxgloves lupins poppies cornflowers geraniums begonias hollyhocks
irises primroses nasturtiums petunias zinnias asters
""")

TEAM_TAILS = w.Pool.of("""
United City Rovers Wanderers Athletic Albion Rangers Tigers Lions Bears Wolves Eagles Falcons Hawks
Ravens Sharks Dolphins Panthers Jaguars Bulls Bisons Broncos Stallions Mustangs Rams Cobras Vipers
Dragons Giants Titans Knights Pirates Vikings Raiders Saints Monarchs Royals Barons Comets Rockets
Meteors Flames Blazers Storm Thunder Cyclones Hurricanes Avalanche Miners Sailors Mariners Harriers
Rowers Climbers Foxes Badgers Otters Owls Herons Hornets Wasps Spartans Dynamos Victoria Sparta
""")

SERVICES = w.Pool.of("""
nginx apache postgres postgresql mysql mariadb redis memcached mongodb rabbitmq kafka zookeeper
elasticsearch kibana logstash grafana prometheus influxdb docker containerd kubelet etcd consul
vault nomad traefik haproxy varnish squid bind9 dnsmasq unbound sshd cron cups postfix dovecot
exim4 fail2ban ufw openvpn wireguard samba nfs-server vsftpd rsyslog journald ntpd chronyd
NetworkManager bluetooth gitlab gitea jenkins sidekiq celery gunicorn uwsgi puma php-fpm tomcat
jetty wildfly solr minio ceph keycloak checkout-api billing-worker search-indexer mail-relay
image-resizer auth-proxy login-service
""")

COMMANDS = w.Pool.of("""
ls -la|pwd|whoami|uptime|df -h|du -sh *|free -m|ps aux|top -n 1|uname -a|date|hostname|id|env|history
git status|git log --oneline|git diff|git pull|git fetch --all|git stash|npm install|npm test|npm run build
pip list|pip freeze|pip install requests|python setup.py build|python -m pytest|python main.py|make|make test
make clean|cargo build|cargo test|go build|go test|mvn package|docker ps|docker images|docker compose up -d
kubectl get pods|systemctl list-units|journalctl -n 50|netstat -tulpn|ss -lnt|ip addr|ifconfig|ping -c 3 localhost
curl -I localhost|wget --version|cat /etc/hosts|head -n 5 data.csv|tail -n 20 app.log|wc -l notes.txt
grep -r TODO src|find / -name core|chmod +x run.sh|mkdir build|touch empty.txt|cp a.txt b.txt|mv old new
tar -czf backup.tar.gz data|unzip archive.zip|sort names.txt|ssh-keygen -t ed25519|crontab -l|lsblk|mount
node --version|java -version|ruff check|mypy src|black --check src|yarn build|apt list --installed|printenv PATH
""".strip().replace("\n", "|"), "|")

SHOWS = w.Pool.of("""
Morning Coffee Talk|The Long Road|History for Breakfast|Science Weekly|Two Friends, One Map|Night Stories
The Money Hour|Quiet Minds|Code over Tea|The Garden Gate|Lost Cities|Cold Cases|Kitchen Secrets|Small Business Big Ideas
The Book Table|Deep Water|Space Mail|Run Faster|The Daily Brief|Words at Work|Old Maps|Green Thumbs|Chess Corner
Behind the Curtain|The Listening Room|Songs We Forgot|Travel Light|Ask a Nurse|The Sleepy Bear|Ghost Train
Football Tonight|Law at Lunch|The Bread Show|Inside the Brain|Bird Notes|Country Roads|Unsolved Riddles
Talking Shop|The Slow Hour|Parents at Midnight|Music Box|The Art Thief|Mountain Tales|Radio Atlas|Tech Fridays
Lives of the Composers|The Sea Inside|Odd Jobs|Clever Animals|Weather Watch|Sunday Papers|Future Farms
Local Heroes|Film Club|The Paper Trail|Stories from the Harbour|Grandmother's Tales|On Two Wheels|First Chapters
The Empty Chair|Numbers Game|Letters Home
""".strip().replace("\n", "|"), "|")

PLAYLISTS = w.Pool.of("""
Road Trip|Sunday Morning|Rainy Days|Gym Mix|Dinner Party|Study Time|Deep Sleep|Summer Hits|Winter Evenings|Old Favourites
Slow Dance|Kitchen Disco|Long Drive|Focus|Chill Out|Party Starters|Wake Up|Campfire|Birthday Bash|Wedding Songs
Acoustic|Piano Hour|Running|Beach Day|Late Night|Garage Rock|First Date|Break Up|Feel Good|Homework|Train Ride
Ninety Minutes|Jazz Cafe|Quiet Storm|Guilty Pleasures|Throwback|Cleaning Day|Family Car|Guitar Heroes|New Finds
Spring Cleaning|Halloween|Christmas Eve|Office Background|Barbecue|Yoga Flow|Warm Up|Cool Down|Sing Along|Film Scores
Grandad's Picks|Kids Corner|Moonlight|Mellow|Sunset|Bike Ride|Power Hour|Lullabies|Lazy Afternoon|Folk Night|Choir|Bath Time
""".strip().replace("\n", "|"), "|")

GLOSSES = w.Pool.of("""
calm and peaceful|fond of company|careful with money|found everywhere|slow and boring|easy to understand|quick and light
no longer in use|hard to find|full of energy|easily broken|slow to act|very large|not see-through|deep in thought
a small task|a hard choice|great disorder|a slight idea|free time|a feeling of comfort|to walk without aim|to stay a while
to speak unclearly|to grow well|to hold dear|to repair|to shake with cold|very strong|open and honest|lacking strength
done too quickly|a strange device|a sudden wish|an unpleasant test|a family tie|a decision of a court|to get in the way
to convince|to last through hardship|a deep regret|lasting a short time|showing good manners|a thing that annoys
words of a trade|more than enough|to throw here and there|to argue|a keen pleasure|eager to work|hard to believe
easily bent|full of light|far from shore|without colour|bitter in taste|the edge of a forest|to fold in half|a narrow path
to speak in public|loved by all|of great age
""".strip().replace("\n", "|"), "|")

HOMEWORK = w.Pool.of("""
read chapter four|exercises 3 to 9|write an essay|learn the poem|draw a map|page 112|finish the worksheet|revise for the test
a summary of the film|ten new words|questions 1 to 5|prepare a talk|label the diagram|bring a leaf|the blue workbook
a letter to a friend|measure your room|learn the dates|solve the puzzle|interview a neighbour|copy the table
watch the video|practise the scale|an experiment with salt|the next two chapters|colour the chart|translate the text
memorise the formula|a drawing of a cell|build a model bridge|keep a diary|page 40, all of it|correct the dictation
find three sources|the first sonnet|a timeline|finish the portrait|nothing this week|a book review|a graph of rainfall
the odd numbers on page 8|describe a photo|list the rivers|write a dialogue|one paragraph on bees|read to page 77
rehearse the scene|check your answers|the unit test|a poster|cut out the shapes|count the birds|the verbs in unit 6
count to a hundred|collect prices|make a survey|explain the joke|draw your family tree|the last exercise|spelling list B
""".strip().replace("\n", "|"), "|")


def _identifier(s: Source) -> str:
    return w.identifier(s.rng)


def _title(s: Source) -> str:
    """A title of a song, a film or a book."""
    first, noun, other = capital(s.word(w.ADJECTIVES)), capital(s.word(w.NOUNS)), capital(s.word(w.NOUNS))
    return s.one_of((f"The {first} {noun}", f"{first} {noun}", f"{first} {noun}", f"The {noun} of {other}", f"{noun} in the {other}", f"My {first} {noun}"))


def _songs(s: Source) -> Value:
    return list(dict.fromkeys(f"{capital(s.word(w.ADJECTIVES))} {capital(s.word(w.NOUNS))}" for _ in range(s.rng.randrange(2, 5))))


def _people(s: Source) -> Value:
    return list(dict.fromkeys(w.first_name(s.rng, s.held) for _ in range(s.rng.randrange(2, 5))))


def _path(s: Source) -> str:
    name = s.word(w.NOUNS).replace(" ", "_")
    if s.chance(0.3):
        name = f"{s.word(w.ADJECTIVES)}_{name}"
    folder = s.one_of(("", "", "", "notes/", "src/", "data/", "/tmp/", "docs/", "./", "/var/log/"))
    return f"{folder}{name}.{s.one_of(('txt', 'md', 'csv', 'json', 'py', 'log', 'html', 'yaml', 'ini', 'bak'))}"


def _folder(s: Source) -> str:
    name = s.word(w.NOUNS).replace(" ", "_")
    return s.one_of((f"/home/{name}", f"/srv/{name}", f"~/{name}", f"/opt/{name}", f"projects/{name}", name))


def _domain(s: Source) -> str:
    name = w.syllables(s.rng)
    if s.chance(0.3):
        name = s.one_of(("www.", "mail.", "api.", "shop.", "blog.", "cdn.")) + name
    return f"{name}.{s.one_of(('com', 'org', 'net', 'io', 'co.uk', 'de', 'fr', 'pt', 'eu', 'dev'))}"


def _server(s: Source) -> str:
    head = s.one_of(("web", "db", "mail", "cache", "build", "proxy", "app", "node", "backup", "gpu")) if s.chance(0.5) else w.syllables(s.rng)
    return s.one_of((f"{head}-{s.rng.randrange(1, 40)}", f"{head}{s.rng.randrange(1, 40):02d}", f"{head}-{s.one_of(('eu', 'us', 'prod', 'test', 'staging'))}"))


def _username(s: Source) -> str:
    first, last = w.first_name(s.rng, s.held).lower(), w.surname(s.rng, s.held).lower()
    return s.one_of((f"{first[0]}{last}", f"{first}.{last}", f"{first}{s.rng.randrange(1, 100)}", f"{first}_{last[0]}", w.syllables(s.rng)))


def _branch(s: Source) -> str:
    words = "-".join((s.word(w.VERBS), s.word(w.OBJECTS))).replace(" ", "-")
    return s.one_of(("feature/", "fix/", "", "", "hotfix/", "docs/", "wip/")) + s.one_of((words, w.syllables(s.rng), f"{w.syllables(s.rng)}-{s.rng.randrange(1, 900)}"))


def _address(s: Source) -> str:
    street = s.word(w.STREETS) if s.chance(0.6) else f"{w.invented_name(s.rng)} {s.one_of(('Street', 'Road', 'Lane', 'Avenue'))}"
    return f"{s.rng.randrange(1, 250)} {street}, {w.place(s.rng, s.held)}"


def _digits(s: Source) -> str:
    return f"{s.rng.randrange(10000):04d}"


def _coupon(s: Source) -> str:
    word = w.syllables(s.rng).upper()
    return s.one_of((f"{word}{s.rng.randrange(5, 80)}", f"{word}-{s.rng.randrange(100, 9999)}", w.letters(s.rng, 7).upper(), f"SAVE{s.rng.randrange(5, 60)}"))


def _team(s: Source) -> str:
    return f"{w.place(s.rng, s.held)} {s.word(TEAM_TAILS)}"


def _table(s: Source) -> str:
    return s.word(w.OBJECTS).replace(" ", "_") + "s"


def _sql(s: Source) -> str:
    table, column, n = _table(s), s.word(w.NOUNS).replace(" ", "_"), s.rng.randrange(1, 500)
    return s.one_of((
        f"SELECT * FROM {table}", f"SELECT COUNT(*) FROM {table}", f"SELECT {column} FROM {table} WHERE id = {n}", f"select * from {table} limit {n}",
        f"SELECT MAX({column}) FROM {table}", f"SELECT * FROM {table} WHERE {column} > {n}", f"SELECT DISTINCT {column} FROM {table}",
        f"select count(*) from {table} where {column} is null", f"SELECT AVG({column}) FROM {table}", f"SELECT {column} FROM {table} ORDER BY {column} DESC",
    ))


def _command(s: Source) -> str:
    return s.word(COMMANDS) if s.chance(0.6) else s.one_of(("cat ", "ls ", "rm ", "head ", "python ", "stat ", "wc -l ", "du -h ")) + _path(s)


def _ip(s: Source) -> str:
    return ".".join(str(s.rng.randrange(1, 255)) for _ in range(4))


def _money(s: Source) -> Value:
    return s.rng.choice((s.rng.randrange(1, 20) * 10, s.rng.randrange(5, 3000), round(s.rng.uniform(1, 500), 2)))


def _weight(s: Source) -> Value:
    return s.rng.choice((s.rng.randrange(1, 60), round(s.rng.uniform(0.1, 40), 1), round(s.rng.uniform(0.1, 5), 2)))


def _stars(s: Source) -> Value:
    return round(s.rng.uniform(1, 5), 1)


def _mark(s: Source) -> str:
    return s.one_of(("A", "A-", "B+", "B", "B-", "C+", "C", "D", "72%", "85%", "91%", "64%", "14/20", "17/20", "9.5", "7.2"))


_ORDER = string_param("order_id order_id order id order_number orderId number", _identifier, "The order id", "Order number", "Which order")
_PRODUCT = string_param("product product item article product_name name", product, "The product", "Name of the item")
_ACCOUNT = string_param("account account_id account_number accountId account", _identifier, "The account", "Account number")
_CARD = string_param("card last_four card_number card_digits digits last4", _digits, "Last four digits of the card", "The card's last digits")
_PATH = string_param("path path file filename file_path name", _path, "The path", "File name", "Path of the file")
_WORD = string_param("word word term text expression", words_of(VOCABULARY), "The word", "Word to look up")
_SERVER = string_param("server host server_name hostname machine", _server, "The server", "Host name", "Which machine")
_SUBJECT = string_param("subject subject course class_name lesson topic", words_of(w.SUBJECTS), "The school subject", "Which course")
_STUDENT = string_param("student student name pupil student_name", text_of(w.person), "The student", "Full name of the pupil")
_DAY = string_param("date day date when on_date", text_of(w.date), "The date", "Which day")

_SHOPS: Final[tuple[Concept, ...]] = (
    Concept(
        "cancel_order cancelOrder order_cancel cancel_purchase withdraw_order stop_order orderCancellation abort_order",
        ("Cancel an order.", "Cancels a purchase before it ships", "Stop an order by its number.", "Withdraw a customer's order."),
        (_ORDER,),
        ("Cancel order {0}.", "I no longer want order {0}.", "Don't ship {0}, I changed my mind.", "Is it too late to call off order {0}?", "cancellation {0}", "Stop order {0} before it leaves the warehouse.",
         "I'd like to withdraw my order {0}.", "Order {0} was a mistake, get rid of it.", "We have to cancel purchase {0}.", "Scrap order {0}.", "My son ordered something by accident, number {0}. Undo it.",
         "Call off {0}.", "Could order {0} be cancelled?", "{0}: cancel", "How about dropping order {0}? I found it elsewhere.", "Kindly void order number {0}.", "I don't need {0} any more, so cancel it.",
         "The customer is backing out of order {0}.", "Pull order {0}, it's not wanted.", "Number {0} should not be sent, cancel it.", "Annul the purchase with the number {0}.", "Let's forget about order {0}, take it off the list.",
         "Ordered twice by mistake! Cancel {0}.", "Make sure order {0} doesn't go out.", "I want out of order {0}.", "Please undo my purchase {0}."),
        done("Order {0} cancelled", "Order {0} is cancelled."),
    ),
    Concept(
        "request_refund refund_order refundOrder refund create_refund order_refund money_back issue_refund",
        ("Refund an order.", "Ask for the money back for an order", "Create a refund with a reason.", "Pays an order back to the customer."),
        (_ORDER, string_param("reason why reason cause explanation", words_of(REASONS), "The reason", "Why the money should be returned")),
        ("I want my money back for order {0}: {1}.", "Refund order {0} because {1}.", 'refund {0}, reason: "{1}"', "Can I get a refund for {0}? The reason: {1}.", "Return the money for {0}. Reason: {1}", "{1}, so refund order {0}.",
         "Order {0} needs to be paid back, since {1}.", "Start a refund on {0} ({1}).", "Order {0}, refund, because {1}", "Reimburse me for order {0}; {1}.", "My complaint about order {0}: {1}. I expect a refund.", "Give the customer of order {0} the money back. Note: {1}",
         "Please pay back {0}. Explanation: {1}", "The reason is: {1}. I'd like a refund on order {0}.", "money back for {0} - {1}", "How do I get reimbursed for {0}? Problem: {1}", "File a refund claim on order {0} saying {1}.",
         "I'm not happy with order {0}: {1}. Refund it.", "Issue a refund, order {0}, cause: {1}", "Not keeping {0}: {1}. Send my money back.", "Because {1}, I'm asking for a refund of order {0}.", 'Refund {0} with the reason "{1}".',
         'Put "{1}" as the reason and refund {0}.', "Order number {0} should be refunded, as {1}.", "I paid for {0} and {1}. Refund, please.", "Process the refund of {0}; the buyer says: {1}", "Could the amount of order {0} be returned to me? Reason: {1}"),
        simple("refund_id", lambda s: w.identifier(s.rng), "Refund {v} created", "The refund of order {0} has the number {v}."),
        required=2,
    ),
    Concept(
        "change_delivery_address update_address changeAddress set_shipping_address update_shipping_address order_address redirect_order set_delivery_address",
        ("Change where an order is delivered.", "Update the shipping address of an order", "Redirect an order to another address.", "Set an order's delivery address."),
        (_ORDER, string_param("address address new_address shipping_address destination to", _address, "The new address", "Where to deliver")),
        ("Send order {0} to {1} instead.", "Change the delivery address of {0} to {1}.", "Order {0} should go to {1}.", "I've moved! Deliver {0} to {1}.", "new address for order {0}: {1}", "Wrong address on {0}, it is {1}.", "Redirect {0} to {1}.",
         "Can order {0} be delivered to {1}?", "Please ship {0} to {1}, not to my home.", "The parcel of order {0} must go to {1}.", "Update the address for {0}. It's now {1}.", "{1} is where I want order {0} delivered.", "I typed the wrong street for order {0}. The right one is {1}.",
         "Reroute order {0} to {1}.", "Have {0} brought to {1}.", "My new address is {1}, please use it for order {0}.", "delivery of {0} to {1}", "Put {1} as the address on order {0}.", "For order {0}, use the address {1}.", "I won't be home; take order {0} to {1}.",
         "Could you correct the shipping address of {0} to {1}?", "Order {0}: address should read {1}", "The customer wants {0} sent to {1}.", "Swap the destination of {0} for {1}.", "Is it possible to have {0} arrive at {1}?", "Ship to {1} instead of the old address, order {0}."),
        done("Address changed", "Order {0} goes to {1}."),
    ),
    Concept(
        "get_reviews product_rating reviews_of getReviews average_rating product_reviews customer_rating star_rating",
        ("Customers' rating of a product.", "Get the average stars of an item", "What buyers think of a product.", "Read the reviews of an article."),
        (_PRODUCT,),
        ("What do people say about the {0}?", "How many stars does the {0} have?", "reviews of the {0}", "Is the {0} any good?", "What rating has the {0} got?", "Are buyers happy with the {0}?", "Show me the reviews for the {0}.", "Should I trust the {0}? How is it rated?",
         "{0} reviews", "I'd like to read opinions on the {0} before I buy.", "How well is the {0} rated?", "What score do customers give the {0}?", "Before I order the {0}, what did others think of it?", "average stars {0}", "Do customers like the {0}?",
         "Look at the ratings of the {0}.", "Has the {0} been reviewed well?", "Customer feedback on the {0}", "Tell me how buyers rate the {0}.", "I heard bad things about the {0}, check the reviews.", "Find out what customers think of the {0}.", "Is the {0} recommended by others?",
         "opinions about the {0}", "How satisfied are people with the {0}?", "Which rating did the {0} receive?", "What are the reviews like for the {0}?"),
        simple("rating", _stars, "{v} out of 5", "Customers give the {0} {v} of 5 stars."),
    ),
    Concept(
        "write_review add_review post_review submitReview leave_review rate_product create_review addReview",
        ("Write a review of a product.", "Post a rating with a text", "Submit stars and an opinion on an item.", "Leave a customer review."),
        (_PRODUCT, integer_param("stars rating score stars points", 1, 6, "Stars from 1 to 5", "The rating"),
         string_param("text comment review body opinion", words_of(VERDICTS), "The review", "What to write")),
        ("Give the {0} {1} stars: {2}", "Review the {0} with {1} stars and write: {2}", '{1} stars for the {0}. "{2}"', "I'd rate the {0} {1} out of 5: {2}", 'Post a review of the {0}, {1} stars, saying "{2}"', "Leave {1} stars on the {0} with the comment {2}",
         "My opinion of the {0}: {2}. Make it {1} stars.", 'Write "{2}" about the {0} and give it {1} stars.', "review {0} {1} stars, text: {2}", "The {0} gets {1} stars from me. Comment: {2}", "Submit my rating for the {0}: {1}. Text: {2}", "{2} - that is my review of the {0}, {1} stars.",
         "I want to tell others about the {0}. Rating {1}, text: {2}", "Add a {1} star review to the {0}: {2}", "For the {0} I give {1} of 5 stars. {2}", "Put my review online: product {0}, stars {1}, text {2}", 'Rate the {0}: {1}. "{2}"', "As a buyer of the {0} I say: {2}. Stars: {1}",
         "Publish a review on the {0} that reads {2}, with {1} stars.", "Stars: {1}. Product: {0}. Review: {2}", "Please note my verdict on the {0}, {1} stars: {2}", 'I bought the {0}. {1} stars. "{2}"', "Let people know what I think of the {0}: {2} ({1} stars)", "{0}: {1}/5. {2}",
         'Score the {0} with {1} and add "{2}"', "With {1} stars, review the {0} like this: {2}"),
        done("Review saved", "Your {1} star review of the {0} is posted."),
    ),
    Concept(
        "apply_coupon use_coupon applyCoupon redeem_code apply_discount add_voucher promo_code redeem_voucher",
        ("Apply a discount code to the cart.", "Redeem a coupon", "Use a promo code.", "Adds a voucher to the purchase."),
        (string_param("code coupon voucher promo_code coupon_code discount_code", _coupon, "The code", "Coupon code", "The promo code"),),
        ("Apply the code {0}.", "I have a coupon: {0}", "Use promo code {0} on my cart.", "Does the voucher {0} still work?", "Redeem {0}.", "discount code {0}", "Take off whatever {0} gives me.", "My voucher says {0}.", "Enter {0} at the checkout.", "There was a code in the newsletter, {0}. Add it.",
         "Try coupon {0}.", "Knock the price down with {0}.", "I got {0} as a discount code, can I use it?", "Coupon {0}, please.", "Please cash in my voucher {0}.", "How much do I save with {0}?", "Put the promotion {0} on my purchase.", "A friend gave me the code {0}; redeem it.", "voucher: {0}",
         "Add coupon code {0} to the basket.", "I'd like to pay less, my code is {0}.", "Can you take {0} as a discount?", "With code {0} it should be cheaper.", "Let me use my {0} coupon.", "What discount do I get for {0}?", "Deduct the voucher {0} from the total."),
        simple("discount", lambda s: f"{s.rng.randrange(1, 16) * 5}%", "{v} off", "The code {0} takes {v} off."),
    ),
    Concept(
        "book_delivery_slot delivery_slot schedule_delivery setDeliverySlot choose_delivery_time plan_delivery scheduleDelivery reserve_slot",
        ("Choose when an order is delivered.", "Book a delivery slot", "Schedule the delivery of an order.", "Set day and time of a delivery."),
        (_ORDER, string_param("day date day delivery_date on", lambda s: s.word(w.DAYS) if s.chance(0.5) else w.date(s.rng), "The day", "Date of delivery"),
         string_param("time slot hour at delivery_time time", text_of(w.clock), "The time", "When on that day")),
        ("Deliver order {0} on {1} at {2}.", "Is {1} at {2} possible for delivering {0}?", "Can the van stop by with {0} on {1} at {2}?", "I'm home on {1} at {2}, bring order {0} then.", "Delivery slot for {0}: {1}, {2}", "Schedule {0} for {1} at {2}.", "Could order {0} come on {1} at {2}?", "Book the slot on {1} at {2} for order {0}.", "{1} at {2} suits me for order {0}.",
         "Set the delivery time of {0} to {1}, {2}.", "The courier may bring {0} on {1} at {2}.", "order {0} delivery {1} {2}", "Please have {0} dropped off on {1} at {2}.", "When to deliver {0}: {1}, {2}", "For {0} I choose {1} at {2}.", "We want order {0} delivered on {1}, about {2}.",
         "Plan the drop-off of {0}: day {1}, time {2}.", "Move the delivery of {0} to {1} at {2}.", "Someone will be in on {1} from {2}. Deliver {0} then.", "Reserve {2} on {1} for the delivery of {0}.", "At {2} on {1}, that's when I need order {0} brought.", "Let order {0} arrive on {1} at {2}.",
         "Can I have {1}, {2} as the slot for {0}?", "Pick the {2} slot on {1} for order {0}.", "I can only take order {0} on {1} at {2}.", "Have the driver come with {0} on {1} at {2}.", "Arrange delivery of order {0}: {1} {2}", "On {1} bring me {0}, at {2} if possible."),
        done("Slot booked", "Order {0} comes on {1} at {2}."),
    ),
    Concept(
        "shipping_cost get_shipping_cost shippingCost postage delivery_fee calculate_shipping get_postage shipping_quote",
        ("What shipping to a country costs.", "Calculate the postage of a parcel", "Get the delivery fee by weight.", "Quote for sending a parcel abroad."),
        (string_param("country destination country to_country where", words_of(w.COUNTRIES), "The country", "Where the parcel goes"),
         Param("weight weight_kg kg weight kilos", "number", _weight, ("Weight in kg", "The parcel's weight"))),
        ("What's the postage to {0} for {1} kg?", "How much is shipping a {1} kg parcel to {0}?", "shipping {0} {1} kg", "I'm sending {1} kilos to {0}, what will I pay?", "Delivery fee for {1} kg to {0}?", "Work out the shipping to {0}, weight {1} kg.", "A box of {1} kg has to go to {0}. How much?",
         "How expensive is it to post {1} kg to {0}?", "Quote me {1} kg to {0}.", "postage for {1} kg, destination {0}", "What do you charge to ship {1} kg to {0}?", "Tell me the cost of mailing a {1} kg packet to {0}.", "My parcel weighs {1} kg and goes to {0}. Shipping price?", "If I send {1} kg to {0}, what does it cost?",
         "Parcel to {0}, {1} kg, what's the fee?", "Get the shipping rate for {0} at {1} kg.", "Calculate delivery costs: {0}, {1} kg", "Is it dear to ship {1} kg to {0}?", "I need the postage on {1} kg going to {0}.", "What would the courier take for {1} kg to {0}?", "Sending something to {0}. It weighs {1} kg. Price?",
         "shipping rate {1} kg {0}", "How much must I put on a {1} kg parcel for {0}?", "Freight to {0} for {1} kg, please.", "Price of transport to {0} for {1} kg?", "What are the shipping costs for a weight of {1} kg to {0}?"),
        simple("cost", lambda s: w.decimal(s.rng), "{v} EUR", "Shipping {1} kg to {0} costs {v}."),
    ),
    Concept(
        "add_to_wishlist wishlist_add addToWishlist save_for_later add_favourite remember_product wish_list put_on_wishlist",
        ("Put a product on the wish list.", "Save an item for later", "Add to the customer's wishlist.", "Remember a product without buying it."),
        (_PRODUCT,),
        ("Put the {0} on my wish list.", "Save the {0} for later.", "I might buy the {0} some day, keep it in my wishlist.", "wishlist: {0}", "Add the {0} to my favourites.", "I'm not buying the {0} yet, just remember it for me.", "The {0} goes on the wish list.", "Heart the {0}.",
         "My birthday is coming, add the {0} to my wishes.", "Bookmark the {0}.", "Can't afford the {0} now. Save it.", "Keep the {0} in mind for me.", "Could the {0} be added to my wish list?", "I dream of a {0}, put it on the list of wishes.", "Let the {0} be one of my favourites.", "save {0} to wishlist",
         "Store the {0} among my saved items.", "Remember the {0}, I'll decide later.", "Include the {0} in my wishes.", "Wish list, new entry: {0}", "Let me come back to the {0} later, save it.", "Add one more wish: the {0}.", "I'd love to get the {0} as a present, note it on my wishlist.",
         "Stick the {0} on my list of things to buy one day.", "Don't order the {0}, only save it.", "Please favourite the {0}."),
        done("Saved", "The {0} is on your wish list."),
    ),
    Concept(
        "check_warranty get_warranty warranty_until checkWarranty warranty_status guarantee warranty_end guarantee_check",
        ("Until when a device is under warranty.", "Check the guarantee by serial number", "Get the end of a warranty.", "Warranty of a device."),
        (string_param("serial serial_number serial device_id serialNumber serial_no", lambda s: f"SN{w.letters(s.rng, 6).upper()}" if s.chance(0.5) else w.identifier(s.rng), "The serial number", "Serial number of the device"),),
        ("Is {0} still under warranty?", "How long does the guarantee on {0} last?", "warranty {0}", "My device broke, serial number {0}. Am I still covered?", "Check the warranty for serial {0}.", "When does the guarantee of {0} run out?", "The serial is {0}. Until when is it covered?", "Am I too late to claim warranty on {0}?",
         "guarantee status of {0}", "Look up the warranty end for {0}.", "Does the maker still repair {0} for free?", "Serial number {0}: warranty?", "Would a repair of {0} be free under guarantee?", "Find out until when {0} is guaranteed.", "I need the warranty date for {0}.", "Can you see whether {0} is in warranty?",
         "Has the warranty on {0} expired?", "Tell me when coverage for {0} ends.", "What's the last day of the guarantee for {0}?", "How much longer is {0} covered?", "Give me the guarantee end of serial number {0}.", "serial {0} covered until?", "It stopped working! {0} is on the label. Do I have warranty?",
         "Please verify the guarantee, number {0}.", "The sticker says {0}. Is there any warranty left?", "Warranty check, serial {0}"),
        simple("warranty_until", lambda s: w.date(s.rng), "Until {v}", "The warranty of {0} ends on {v}."),
    ),
)

_BANK: Final[tuple[Concept, ...]] = (
    Concept(
        "transfer_money send_money transferMoney bank_transfer make_transfer wire_money pay_person make_payment",
        ("Transfer money to somebody.", "Send an amount to a person", "Make a bank transfer.", "Pays a person from the user's account."),
        (string_param("recipient to payee beneficiary receiver recipient_name", text_of(w.person), "Who gets the money", "The recipient"),
         Param("amount amount sum value money", "number", _money, ("The amount", "How much")),
         string_param("reference purpose note reference memo", lambda s: s.word(w.TASKS) if s.chance(0.3) else f"{s.word(w.OBJECTS)} {s.rng.randrange(1, 900)}", "What it is for", "Payment reference")),
        ("Transfer {1} to {0}.", "Send {0} {1} euros.", "I owe {0} {1}, pay it back.", "Wire {1} to {0}, reference {2}.", "pay {0} {1}", "Could you move {1} euros from my account to {0}?", "{0} should get {1} from me.", "Please remit {1} to {0} with the reference {2}.", "Bank transfer: {1} to {0}, purpose: {2}",
         "Let {0} have {1} euros.", "I have to pay {0} {1} euros.", "{1} for {0}, reference: {2}", "Make a payment of {1} to {0}.", "Settle my debt of {1} with {0}.", "Give {0} the {1} I promised, by transfer.", "Pay {1} into {0}'s account.", "transfer to {0}, amount {1}, note {2}", "{0} lent me {1}. Send it back.",
         "How do I send {1} to {0}? Just do it for me.", "Credit {0} with {1} from my account.", "Do a transfer of {1} euros in favour of {0}.", "The bill from {0} is {1}. Pay it, reference {2}.", "I'd like {1} to go to {0}.", "Move {1} over to {0}.", 'Send {1} to {0} and write "{2}" as the purpose.', "money for {0}: {1} euros"),
        simple("transfer_id", lambda s: w.identifier(s.rng), "Transfer {v} sent", "I sent {1} to {0}; the transfer is {v}."),
        required=2,
    ),
    Concept(
        "block_card freeze_card blockCard lock_card card_block stop_card disable_card report_lost_card",
        ("Block a bank card.", "Freeze a lost or stolen card", "Stops all payments of a card.", "Lock a card by its last four digits."),
        (_CARD,),
        ("Block my card ending in {0}.", "I lost the card with the last digits {0}.", "Somebody stole my card {0}.", "Freeze the card {0}.", "card {0} is gone, stop it", "Lock card number ending {0} at once.", "My wallet was taken, the card ends with {0}. Do something!", "No more payments from the card {0}, please.",
         "Can you put a stop on my card {0}?", "stolen card {0}", "I can't find my bank card, last four digits {0}.", "Deactivate the card ending {0}.", "There are payments on {0} I never made. Block it.", "The card that ends in {0} must be disabled.", "Left my card in a taxi; it's the one ending {0}.", "Make card {0} unusable.",
         "Report card {0} as stolen.", "Shut down the debit card {0}.", "Stop the credit card with {0} at the end.", "Someone is using my card {0}, freeze it.", "lost card, digits {0}", "I want card {0} blocked until I find it.", "The machine swallowed my card ending in {0}. Block it.", "Suspend the card whose last digits are {0}.",
         "How can I lock my card {0}? It's missing.", "Urgent: block {0}"),
        done("Card {0} blocked", "The card ending in {0} is blocked."),
    ),
    Concept(
        "exchange_rate_history historical_rate get_historical_rate historicalRate past_exchange_rate rate_on_date fx_history rateOnDate",
        ("Exchange rate on a past day.", "Historical rate between two currencies", "Get what a currency was worth on a date.", "Look up an old exchange rate."),
        (string_param("base from base_currency currency base", words_of(w.CURRENCIES), "The base currency", "From which currency"),
         string_param("quote to target_currency versus quote", words_of(w.CURRENCIES), "The other currency", "To which currency"), _DAY),
        ("What was {0} worth in {1} on {2}?", "Exchange rate of {0} to {1} on {2}?", "{0}/{1} on {2}", "How did {0} stand against {1} on {2}?", "Give me the {0} to {1} rate of {2}.", "On {2}, how many {1} was one {0}?", "historical rate {0} {1} {2}", "I need the old rate from {2}, {0} into {1}.",
         "For my tax return: the {0} {1} rate on {2}?", "Where was {0} against {1} on {2}?", "Back on {2}, what did a {0} buy in {1}?", "Look up the rate between {0} and {1} for {2}.", "Rate history: {0} in {1}, day {2}", "Tell me the {2} exchange rate from {0} to {1}.", "How much {1} did you get for one {0} on {2}?",
         "Closing rate {0} to {1} on {2}", "Check what {0} cost in {1} on {2}.", "Find the exchange rate that applied on {2} for {0} to {1}.", "Which rate did {0} have against {1} on {2}?", "{2}: {0} to {1} rate?", "Date {2}, {0} against {1}, what was the rate?", "Was {0} stronger than {1} on {2}? Give me the rate.",
         "We booked an invoice on {2}; what was {0} in {1} that day?", "Past value of {0} in {1}, dated {2}", "The course of {0} to {1} as of {2}, please.", "Show me how {0} traded against {1} on {2}."),
        simple("rate", lambda s: round(s.rng.uniform(0.01, 150), 4), "{v}", "On {2} one {0} was {v} {1}."),
    ),
    Concept(
        "loan_payment monthly_payment calculate_loan loanCalculator mortgage_payment get_instalment loan_rate calcLoan",
        ("Monthly payment of a loan.", "Calculate the instalment of a credit", "What a loan costs each month.", "Loan calculator: amount, years, interest."),
        (integer_param("amount principal amount loan_amount sum", 1000, 400000, "The amount borrowed", "Principal"),
         integer_param("years term years duration period", 1, 35, "Years", "Term in years"),
         Param("interest rate interest_rate interest percent", "number", lambda s: round(s.rng.uniform(0.5, 12), s.rng.choice((1, 2))), ("Interest in percent", "Yearly rate"))),
        ("What do I pay a month for a loan of {0} over {1} years at {2}%?", "Loan: {0}, {1} years, {2} percent. Monthly payment?", "If I borrow {0} for {1} years at {2} percent, what's the instalment?", "mortgage {0} {1} years {2}%", "I want to borrow {0}. The bank asks {2}% over {1} years. What is that a month?",
         "Work out the instalments: {0} at {2}% for {1} years", "Paying back {0} in {1} years with {2}% interest, how much is it monthly?", "How high is the monthly rate for {0} euros, {1} years, {2} percent?", "Calculate a credit of {0} with {2}% interest and a term of {1} years.", "Can I afford {0} at {2} percent over {1} years? Tell me the monthly cost.",
         "We're buying a flat with a loan of {0}, term {1} years, interest {2}%. Monthly?", "What would {0} at {2}% cost me each month over {1} years?", "Interest {2} percent, {1} years, sum {0}: what's the payment?", "{0} over {1} years at {2} percent per month is what?", "monthly payment {0} {2}% {1}y",
         "Over {1} years, with {2}%, what is the instalment on {0}?", "The offer is {2}% on {0}, to be repaid within {1} years. Instalment?", "Give me the monthly burden of a {0} euro loan, {1} years at {2}%.", "A car loan: {0} at {2} percent, {1} years. What leaves my account each month?", "How much a month, {0} borrowed, {1} years, {2} percent?",
         "I plan to take {0} from the bank for {1} years. At {2}% what do I owe monthly?", "Financing {0} for {1} years at {2}%, payment please", "Find the monthly repayment: principal {0}, term {1} years, rate {2}%", "Let me know the instalment for a debt of {0} with {2}% over {1} years.", "At {2}% interest, {0} spread over {1} years makes how much per month?",
         "Say I borrow {0} and repay within {1} years, rate {2}%. What's due monthly?"),
        simple("payment", lambda s: w.decimal(s.rng), "{v} a month", "You pay {v} a month for {0} over {1} years."),
    ),
    Concept(
        "list_transactions get_transactions recent_payments listTransactions account_history last_transactions bank_statement transaction_history",
        ("The last payments of an account.", "List recent transactions", "What went in and out of an account.", "Get an account's statement."),
        (_ACCOUNT, integer_param("count limit count n last number_of", 2, 60, "How many", "Number of transactions")),
        ("Show the last {1} transactions of account {0}.", "What were the latest {1} payments on {0}?", "{1} most recent transactions, account {0}", "List {1} movements on account {0}.", "What did I spend lately from {0}? The last {1} entries.", "statement {0}, {1} lines", "Account {0}: give me the {1} newest entries.",
         "Where did my money go? Show {1} bookings of {0}.", "I want to see the last {1} payments made from account {0}.", "Pull up {1} transactions for {0}.", "Print a statement of {0} with {1} entries.", "Let me look at the {1} latest debits on {0}.", "For account {0}, fetch the last {1} transactions.", "history of {0}, last {1}",
         "What happened on account {0}? {1} items will do.", "Read me the last {1} bookings on {0}.", "The recent {1} transactions on {0}, please.", "Could you check the past {1} payments of {0}?", "How did the last {1} transactions on {0} look?", "Go through the latest {1} movements of {0}.", "I need {1} transactions from account number {0}.",
         "Get {1} lines of the statement for {0}.", "Something is odd on {0}, show me its last {1} payments.", "last {1} {0} transactions", "Display the {1} newest payments of account {0}.", "Tell me what was booked on {0}, the last {1} times."),
        simple("transactions", lambda s: ", ".join(f"{s.one_of(('-', '+'))}{w.decimal(s.rng)}" for _ in range(s.rng.randrange(2, 4))), "{v}", "The latest payments of {0} are {v}."),
    ),
    Concept(
        "set_card_limit card_limit setCardLimit change_limit update_card_limit raise_limit spending_limit limit_card",
        ("Set the spending limit of a card.", "Change a card's limit", "How much a card may spend.", "Update the limit of a bank card."),
        (_CARD, integer_param("limit amount limit maximum max_amount", 50, 20000, "The limit", "Highest amount")),
        ("Set the limit of card {0} to {1}.", "I want to spend at most {1} with the card {0}.", "Raise the limit on card {0} to {1} euros.", "card {0} limit {1}", "The card ending in {0} should allow {1} a month.", "Lower what card {0} can spend to {1}.", "My daughter's card {0} may not go over {1}.", "Cap the card {0} at {1}.",
         "Change the spending limit on {0} to {1}.", "Could the card with the digits {0} get a limit of {1}?", "I'm travelling and need {1} as the limit on card {0}.", "Let card {0} spend up to {1}.", "new limit for card {0}: {1}", "No more than {1} on the card {0}, please.", "{1} should be the maximum on card {0}.", "Adjust the ceiling of card {0}: {1} euros.",
         "Put a limit of {1} on the card that ends with {0}.", "I'd like the card {0} capped to {1} euros.", "Allow {1} on card {0}.", "Is it possible to have {1} as the limit for card {0}?", "Increase the card limit ({0}) to {1}.", "Card {0} stops at {1} from now on.", "For the card {0} choose the limit {1}.", "Keep spending with card {0} under {1}.",
         "Update card {0}, maximum {1}.", "Restrict card {0} to {1} euros a month."),
        done("Limit set", "The card {0} has a limit of {1}."),
    ),
)

_FACTS: Final[tuple[Concept, ...]] = (
    Concept(
        "define_word definition dictionary getDefinition define word_meaning lookup_word dictionary_lookup",
        ("Definition of a word.", "Look up a word in the dictionary", "What a word means.", "Get the meaning of a term."),
        (_WORD,),
        ("What does {0} mean?", "Define {0}.", "definition of {0}", "I came across the word {0} and don't understand it.", "What is the meaning of {0}?", "Look up the word {0}.", "meaning {0}", "Explain the word {0}.", "How does the dictionary explain {0}?", "My teacher said {0}. What is that supposed to mean?",
         "Never heard the word {0} before, what is it?", "Check the dictionary for {0}.", "If someone calls it {0}, what do they mean?", "Give me the dictionary entry of {0}.", "I don't know what {0} means.", "{0}: definition?", "Tell me the sense of the word {0}.", "Is {0} a word? What does it stand for?", "Find the definition of {0}.",
         "In a text I read the term {0}; define it.", "Dictionary: {0}", "Can you explain what {0} means?", "what's meant by {0}", "A crossword has {0} in it, what does the word mean?", "The word {0} is new to me. Its meaning?", "Clarify the term {0} for me."),
        simple("definition", lambda s: s.word(GLOSSES), "{v}", "{0} means: {v}"),
    ),
    Concept(
        "get_synonyms synonyms thesaurus findSynonyms synonyms_of similar_words another_word word_alternatives",
        ("Synonyms of a word.", "Find words that mean the same", "Look in the thesaurus.", "Another word for a word."),
        (_WORD,),
        ("What's another word for {0}?", "synonyms of {0}", "Give me synonyms for {0}.", "I keep writing {0}, what could I say instead?", "Which words mean the same as {0}?", "thesaurus {0}", "A different way to say {0}?", "I need a substitute for the word {0}.", "Find something similar to {0} in meaning.", "What can replace {0} in my essay?",
         "{0} sounds dull, suggest an alternative word.", "Are there other words for {0}?", "Name a synonym of {0}.", "Crossword clue: same as {0}", "Instead of {0} one could say what?", "What word is close in meaning to {0}?", "Look {0} up in the thesaurus.", "I've used {0} three times already. Another word?", "Tell me an equivalent of {0}.",
         "Words like {0}", "Help me avoid repeating {0}, which synonym fits?", "{0}, but in another word?", "Do you know an alternative to the word {0}?", "Can {0} be said differently, in one word?", "List words that could stand for {0}.", "similar words to {0}"),
        simple("synonyms", lambda s: f"{VOCABULARY.pick(s.rng, s.held)}, {w.blend(s.rng)}", "{v}", "Other words for {0} are {v}."),
    ),
    Concept(
        "get_headlines headlines news top_news getHeadlines latest_news country_news news_headlines",
        ("Top headline of a country.", "Get today's news from a country", "What the papers of a country say.", "Latest headlines"),
        (string_param("country country nation region where", words_of(w.COUNTRIES), "The country", "News from which country"),),
        ("What's in the news in {0}?", "Headlines from {0}", "What is happening in {0} these days?", "Give me today's top story from {0}.", "What do the papers in {0} write?", "news {0}", "Catch me up on events in {0}.", "Has anything happened in {0}?", "Which headline leads in {0}?", "I've been away from {0}, what did I miss?",
         "Read me the headlines of {0}.", "Latest from {0}?", "What are they talking about in {0}?", "Breaking news in {0}", "Tell me what made the front page in {0}.", "I'd like to follow the news of {0}.", "Anything new out of {0}?", "My family lives in {0}. Any news from there?", "Bring me up to date with {0}.", "What's the big story in {0}?",
         "{0} headlines today", "Show the top news of {0}.", "What does the press in {0} report?", "How's the news from {0}?", "Fetch the newest headline for {0}.", "current affairs {0}"),
        simple("headline", lambda s: f"{capital(s.word(w.NOUNS))} {s.one_of(('opens', 'closes', 'saved', 'found', 'sold', 'rebuilt', 'under repair'))} in {w.place(s.rng, s.held)}", "{v}", "The top story in {0}: {v}."),
    ),
    Concept(
        "movie_rating film_rating get_movie_rating movieScore rate_of_film getFilmRating film_score critics_score",
        ("Rating of a film.", "How critics score a movie", "Get the points of a film.", "Whether a movie is good."),
        (string_param("title film movie title name movie_title", _title, "The film", "Title of the movie"),),
        ("How good is the film {0}?", "What rating does the movie {0} have?", "Is {0} worth watching?", "film rating {0}", "Should we see {0} at the cinema?", "What do critics think of the movie {0}?", "How many points did the film {0} get?", "We're planning to watch {0} tonight, is it well rated?", "Did people like the film {0}?", "movie {0} score",
         "Check how viewers rated {0} before I buy cinema tickets.", "I'm not sure about watching {0}. What score has it?", "Tell me the score of the movie {0}.", "Was the film {0} received well?", "Any good? The movie is called {0}.", "Rate of the film {0} among critics?", "Find the film {0} and tell me its rating.", "Would you say {0} is a good film, going by its rating?",
         "How did the movie {0} do with reviewers?", "The kids want to watch the film {0}. Its rating?", "out of ten, how is the movie {0} rated", "My friend hated the film {0}. What did critics say?", "Is the movie {0} as great as everyone says? Get its score.", "Give me the critics' score for {0}, the film.",
         "Which rating has the picture {0} at the moment?", "cinema: {0}, good or bad?"),
        simple("rating", lambda s: round(s.rng.uniform(1, 10), 1), "{v}/10", "The film {0} is rated {v}."),
    ),
    Concept(
        "book_author author_of get_author getAuthor who_wrote find_author lookup_author writer_of",
        ("Author of a book.", "Who wrote a book", "Find the writer by the title.", "Get the author of a novel."),
        (string_param("title book book_title title novel", _title, "The book", "Title of the book"),),
        ("Who wrote {0}?", "Author of {0}?", "Who is the author of the book {0}?", "I'm reading {0}. Whose book is it?", "book author {0}", "Which writer is behind {0}?", "By whom is the novel {0}?", "{0} was written by whom?", "Tell me the name of the person who wrote {0}.", "I loved the novel {0}, who's the writer?",
         "writer of {0}", "Do you know who the author of {0} is?", "Find the author for the title {0}.", "From whose pen comes {0}?", "I only remember the title, {0}. Who wrote it?", "Whose novel is {0}?", "The book is called {0}, the author escapes me.", "Who's credited with writing {0}?", "Look up who penned {0}.", "{0}: author?",
         "For my bibliography I need the author of {0}.", "What's the name of the novelist who gave us {0}?", "Name the author of {0}.", "Under whose name did {0} appear?", "A quiz asks who wrote {0}.", "the author of {0}, please"),
        simple("author", lambda s: w.person(s.rng, s.held), "{v}", "{0} was written by {v}."),
    ),
    Concept(
        "match_score get_score game_result getScore sports_score latest_score team_result match_result",
        ("Score of a team's last match.", "Get a game's result", "How a team played.", "Latest score of a sports team."),
        (string_param("team team club side team_name", _team, "The team", "Name of the club"),),
        ("How did {0} play?", "What's the score of the {0} game?", "Did {0} win?", "{0} result", "Result of the last {0} match?", "I missed the game, how did it end for {0}?", "score {0}", "Have {0} lost again?", "Tell me how the match of {0} went.", "Who won, {0} or the others? Give me the score.", "Final score for {0}, please.",
         "How many goals did {0} score?", "Any luck for {0} last night?", "I support {0}. How did they do?", "Check the result of {0}.", "What was the outcome of {0}'s last game?", "Were {0} beaten?", "The match with {0}, how did it finish?", "{0}: final score?", "How are {0} getting on in their match?", "Let me know {0}'s latest result.",
         "Look up the score of {0}.", "My brother bets on {0}, what was the result?", "Did it go well for {0} on the pitch?", "sports: how did {0} do", "Is {0} ahead? What's the score?"),
        simple("score", lambda s: f"{s.rng.randrange(6)}{s.one_of(('-', ':'))}{s.rng.randrange(6)}", "{v}", "The last match of {0} ended {v}."),
    ),
    Concept(
        "public_holidays list_holidays get_holidays publicHolidays next_holiday bank_holidays national_holidays holiday_calendar",
        ("Public holidays of a country in a year.", "List the bank holidays", "Days off in a country.", "Get national holidays."),
        (string_param("country country nation where region", words_of(w.COUNTRIES), "The country", "Holidays of which country"),
         integer_param("year year in_year for_year", 2000, 2040, "The year", "Which year")),
        ("Which public holidays does {0} have in {1}?", "bank holidays {0} {1}", "When are the shops in {0} closed for holidays in {1}?", "List the holidays of {0} for {1}.", "Days off in {0} in {1}?", "I'm planning {1} for our office in {0}; what are the public holidays?", "What national holidays fall in {1} in {0}?", "Holiday calendar {1} for {0}",
         "In {1}, on which days does {0} not work?", "Tell me {0}'s bank holidays in {1}.", "public holidays {1}, {0}", "Show me when {0} has holidays in {1}.", "We need the free days of {0} in the year {1}.", "On what dates is everything shut in {0} in {1}?", "Get the {1} holidays for {0}.", "Are there public holidays in {0} in {1}? Which?",
         "Give me all official holidays in {0}, year {1}.", "My colleagues in {0}: when are they off in {1}?", "Look up the festive days of {0} in {1}.", "For {1}, what are the legal holidays in {0}?", "I want to avoid holidays in {0} during {1}, list them.", "{0}, {1}: public holidays?", "When do people in {0} have a day off in {1}?", "The year is {1}, the country {0}. Public holidays?",
         "Find the dates of the national holidays of {0} for {1}.", "Which days of {1} are holidays in {0}?"),
        simple("holidays", lambda s: ", ".join(f"{s.rng.randrange(1, 29)} {w.MONTHS.pick(s.rng)}" for _ in range(s.rng.randrange(1, 4))), "{v}", "The holidays in {0} in {1} are {v}."),
    ),
    Concept(
        "get_sunrise sunrise sunrise_time getSunrise sun_up dawn_time sunrise_at when_sunrise",
        ("Time of sunrise in a city.", "When the sun comes up", "Get the sunrise of a day at a place.", "At what time it gets light."),
        (string_param("city city place location where", text_of(w.place), "The city", "Where"), _DAY),
        ("When does the sun rise in {0} on {1}?", "sunrise {0} {1}", "At what time does it get light in {0} on {1}?", "Sunrise in {0} for {1}?", "I want to photograph the dawn in {0} on {1}, when is it?", "What time is sunrise on {1} in {0}?", "On {1}, when will the sun come up over {0}?", "Tell me the sunrise time of {1} in {0}.",
         "How early does the sun appear in {0} on {1}?", "When is dawn in {0}, {1}?", "We leave {0} at first light on {1}. When is that?", "Give me the time the sun rises: {0}, {1}", "first light in {0} on {1}?", "Is it still dark at six in {0} on {1}? When's sunrise?", "Look up the sunrise for {1}, place {0}.", "How long will it be dark in {0} on the morning of {1}?",
         "On the morning of {1}, what time does the sun show in {0}?", "When must I get up to see the sun rise in {0} on {1}?", "{0}, {1}: time of sunrise", "Get sunrise on {1} for {0}.", "{1} in {0}, when does the day break?", "Find when it dawns in {0} on {1}.", "Sun up in {0} on {1} at what hour?", "Check the dawn time for {0} on {1}.",
         "I'll be fishing near {0} on {1}; sunrise?", "When does daylight begin in {0} on {1}?"),
        simple("sunrise", lambda s: f"0{s.rng.randrange(4, 9)}:{s.rng.randrange(60):02d}", "{v}", "The sun rises at {v} in {0} on {1}."),
    ),
    Concept(
        "air_quality get_air_quality airQuality aqi pollution_level get_aqi check_pollution smog",
        ("Air quality in a city.", "How polluted the air is", "Get the air quality index of a place.", "Pollution level."),
        (string_param("city city place location town", text_of(w.place), "The city", "Where"),),
        ("How is the air in {0}?", "pollution index {0}", "Air quality in {0}?", "How polluted is {0}?", "aqi {0}", "Is the air in {0} safe to breathe?", "Is there smog in {0}?", "pollution {0}", "I have asthma, how's the air quality in {0}?", "Can I jog in {0} without breathing in dirt?", "How clean is the air over {0}?", "Tell me the pollution level of {0}.",
         "What's the air quality index for {0}?", "Do people need a mask against the smog in {0}?", "Fine dust in {0}, how much?", "Check the air in {0}.", "Should I keep the windows shut in {0} because of the smog?", "Give me the AQI of {0}.", "Is {0}'s air bad today?", "Look up how dirty the air is in {0}.", "smog level in {0}", "How much pollution does {0} have right now?",
         "Are the particles in {0} over the limit? What's the index?", "My eyes itch, what's the air like in {0}?", "air pollution reading for {0}", "Let me know the quality of the air around {0}.", "Breathing in {0}: how healthy is it?"),
        simple("aqi", lambda s: s.rng.randrange(5, 320), "Index {v}", "The air quality index in {0} is {v}."),
    ),
    Concept(
        "get_elevation elevation altitude getElevation height_of_place elevation_of altitude_of metres_above_sea",
        ("Elevation of a place above the sea.", "How high a place lies", "Get the altitude of a town.", "Metres above sea level."),
        (string_param("place location city place point town", text_of(w.place), "The place", "Where"),),
        ("How high does {0} lie?", "Elevation of {0}?", "What's the altitude of {0}?", "How many metres above sea level is {0}?", "altitude {0}", "Is {0} up in the mountains? How high?", "I get dizzy at height, what's the elevation in {0}?", "{0} elevation", "At what height is {0}?", "How far above the sea is {0}?", "Give me the metres above sea level for {0}.",
         "Tell me how high up {0} is.", "Height above sea of {0}", "If I cycle to {0}, what altitude do I end up at?", "Look up the elevation for {0}.", "Which altitude does {0} have?", "Does {0} lie high or low? I need metres.", "Would water boil sooner in {0}? How high is it?", "What is the height of {0} over sea level?", "masl of {0}", "Find the altitude at {0}.",
         "How elevated is {0}?", "The sea rises; how many metres above it is {0}?", "I want to know {0}'s elevation.", "{0} is how high?", "On which altitude was {0} built?"),
        simple("elevation", lambda s: s.rng.randrange(0, 4200), "{v} m", "{0} lies {v} metres above the sea."),
    ),
    Concept(
        "time_difference get_time_difference timeDifference hours_between timezone_difference time_offset compare_timezones zone_difference",
        ("Time difference between two cities.", "How many hours apart two places are", "Compare the time zones of two cities.", "Hours between two time zones."),
        (string_param("city_a first from place1 city1 a", text_of(w.place), "First city", "From where"),
         string_param("city_b second to place2 city2 b", text_of(w.place), "Second city", "To where")),
        ("What's the time difference between {0} and {1}?", "How many hours is {1} ahead of {0}?", "time difference {0} {1}", "By how many hours do {0} and {1} differ?", "Is {1} ahead of {0} or behind, and by how much?", "How many hours must I change my watch flying from {0} to {1}?", "If it's noon in {0}, how many hours later is it in {1}?", "{0} vs {1}: hours of difference?",
         "Do {0} and {1} share a time zone? If not, what's the gap?", "I call from {0} to {1} a lot. How big is the time gap?", "Compare the clocks of {0} and {1}.", "time zones: {0} and {1}, difference?", "How much jet lag from {0} to {1}, in hours of time difference?", "What's the offset from {0} to {1}?", "Tell me how many hours lie between the time in {0} and in {1}.",
         "Our offices are in {0} and {1}, how many hours apart are the clocks?", "hours between {0} and {1} time", "How far is {0}'s clock from {1}'s?", "Difference in hours, {0} to {1}", "How much earlier is it in {0} than in {1}?", "Work out the time shift between {0} and {1}.", "Does {0} run behind {1}? How many hours?", "The clock difference of {0} to {1}, please.",
         "When I move from {0} to {1}, how many hours do I lose or gain?", "Between {0} and {1}, how many time zones are there?", "Get the time offset for {0} against {1}."),
        simple("hours", lambda s: s.rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 3.5, 5.5)), "{v} hours", "The time in {0} and {1} differs by {v} hours."),
    ),
    Concept(
        "animal_lifespan lifespan get_lifespan lifeExpectancy how_old_animals_get life_span max_age animal_age",
        ("How old an animal gets.", "Lifespan of an animal in years", "Get the life expectancy of a species.", "Years an animal lives."),
        (string_param("animal species animal pet kind", words_of(w.ANIMALS), "The animal", "Which species"),),
        ("How long does a {0} live?", "How old can a {0} get?", "lifespan of a {0}", "What age does a {0} reach?", "My kids want a {0}, how many years will it live?", "{0} life expectancy", "How many years does a {0} have?", "Is ten old for a {0}? How old do they get?", "Tell me the life span of the {0}.", "At what age does a {0} usually die?", "How long is the life of a {0}?",
         "If I buy a young {0}, how long will I have it?", "average age {0}", "Up to what age does a {0} live?", "Does a {0} live long? How many years?", "Look up how old a {0} becomes.", "Years a {0} lives?", "What's the life expectancy for a {0}?", "Give me the usual lifespan of the species {0}.", "A {0}: how many years?", "For a school project: how long does the {0} live?",
         "Find out a {0}'s lifespan.", "How many birthdays does a {0} get?", "Can a {0} outlive a person? How old does it get?", "maximum age of the {0}", "For how many years would I care for a {0}?"),
        simple("years", lambda s: s.rng.randrange(1, 90), "{v} years", "A {0} lives about {v} years."),
    ),
    Concept(
        "planting_time when_to_plant sowing_month plantingMonth get_planting_time sow_calendar plant_calendar garden_calendar",
        ("When to plant something in the garden.", "Month to sow a plant", "Get the planting time.", "Sowing calendar for vegetables and flowers."),
        (string_param("plant plant crop flower vegetable species", words_of(PLANTS), "The plant", "What is planted"),),
        ("When should I plant {0}?", "Which month is right for sowing {0}?", "When do {0} go into the ground?", "planting time {0}", "Is it too early to sow {0}? When's the time?", "I bought seeds of {0}, when do I put them out?", "What's the best month for planting {0}?", "sow {0} when?", "In which month do gardeners start {0}?", "When can {0} be sown outdoors?",
         "Garden question: when do I plant {0}?", "Tell me the sowing time of {0}.", "Look up in the garden calendar when to sow {0}.", "I'd love to grow {0}. When do I begin?", "At what time of year are {0} planted?", "calendar entry for {0}: planting month?", "Until when must the seeds of {0} be in the soil?", "When's the season to plant {0}?", "How early in the year can I set out {0}?",
         "My bed is empty, when may I fill it with {0}?", "The packet of {0} lost its label. When do I sow them?", "Find the right month to plant {0}.", "{0}, planting month please", "Give me the month in which {0} are sown.", "When does one put {0} in the garden?", "Best time to get {0} into the bed?"),
        simple("month", lambda s: w.MONTHS.pick(s.rng, s.held), "In {v}", "Plant {0} in {v}."),
    ),
)

_COMPUTERS: Final[tuple[Concept, ...]] = (
    Concept(
        "run_command execute_command shell runCommand bash exec_shell terminal run_shell",
        ("Run a shell command.", "Execute a command in the terminal", "Runs a command and returns its output.", "Shell access."),
        (string_param("command command cmd shell_command line script", _command, "The command", "Command line to run"),
         string_param("directory cwd directory workdir folder working_directory", _folder, "Where to run it", "Working directory")),
        ("Run `{0}`.", "Execute `{0}` in the terminal.", "What does `{0}` print?", "run {0}", "Type {0} into the shell and show me what comes out.", "I need the output of `{0}`.", "Try the command {0}", "shell: {0}", "Could you enter `{0}` at the prompt?", "Launch `{0}` for me.", "$ {0}", "Let's see what `{0}` gives.",
         "In the folder {1} run `{0}`.", "In bash, do `{0}`.", "exec {0}", 'Issue the command "{0}".', "What's the result if you run `{0}`?", "Open a terminal and type `{0}`.", "The next command is `{0}`, run it.", "Go to {1} and execute `{0}`.", "Fire off `{0}` and tell me what it says.", "Run this command:\n{0}", "command to execute: {0}",
         "I want `{0}` executed.", "`{0}`, working directory {1}", "Invoke `{0}`."),
        required=1,
        result=simple("output", lambda s: f"{s.word(w.NOUNS)} {s.rng.randrange(1, 5000)}", "{v}", "The command printed: {v}"),
    ),
    Concept(
        "create_file write_file createFile new_file save_file make_file write_to_file file_create",
        ("Create a file.", "Write a text into a new file", "Save text under a file name.", "Makes a file with the given content."),
        (_PATH, string_param("content text content body data contents", text_of(w.remark), "The text", "What to write into the file")),
        ("Create a file {0} with the text {1}", "Write {1} into {0}.", "Save this as {0}: {1}", "I need a file called {0} containing: {1}", "new file {0}, content: {1}", 'Make {0} and put "{1}" in it.', "Store the following in {0}: {1}", "{0} should be created and say: {1}", 'Put the words "{1}" in a new file named {0}.', "Start a file {0}. Its content is {1}",
         "Dump this text to {0}: {1}", "Could you save {1} under the name {0}?", "The text is: {1}. Write it to {0}.", 'Fill a brand new file {0} with "{1}".', "Set up {0} with one line: {1}", "Let there be a file {0} with the content {1}", "File to make: {0}. Text inside: {1}", 'Generate {0} holding "{1}".', "Add a new file at {0}. It reads: {1}", "Keep this in a file ({0}): {1}",
         "There is no {0} yet, create it with {1}", "Please note {1} in a file, call it {0}.", 'Save "{1}" to disk as {0}.', 'The file {0} gets one sentence: "{1}".', "Write a file. Path: {0}. Text: {1}", "I'd like to have {1} written in {0}."),
        done("Wrote {0}", "I wrote the file {0}."),
    ),
    Concept(
        "delete_file remove_file deleteFile rm unlink_file erase_file file_delete trash_file",
        ("Delete a file.", "Remove a file from the disk", "Erases a file by its path.", "Move a file to the trash."),
        (_PATH,),
        ("Delete {0}.", "Remove the file {0}.", "Get rid of {0}.", "I don't need {0} any longer, delete it.", "bin {0}", "Throw {0} in the bin.", "Erase {0} from the disk.", "The file {0} can go.", "Wipe {0}.", "{0} is outdated, bin it.", "Clean up by deleting {0}.", "Make {0} disappear.", "Could the file {0} be removed?", "Is {0} still around? Delete it then.",
         "delete file: {0}", "Move {0} to the trash.", "Unlink {0}.", "There's a leftover called {0}, remove it.", "We can do without {0}; drop the file.", "Please take {0} off my disk.", "Trash {0}.", "Free some room, delete {0}.", "I saved {0} by accident, so erase it.", "File {0} shouldn't exist. Remove it.", "Have {0} deleted.", "Destroy the file {0}."),
        done("Deleted {0}", "The file {0} is deleted."),
    ),
    Concept(
        "rename_file move_file renameFile mv change_filename file_rename set_file_name moveFile",
        ("Rename a file.", "Give a file another name", "Move a file to a new path.", "Changes the name of a file."),
        (string_param("old_path source old from old_name src", _path, "The file", "Present name"),
         string_param("new_path target new to new_name dst", _path, "The new name", "New path")),
        ("Rename {0} to {1}.", "{0} should be called {1}.", "file {0}, new name {1}", "Change the name of {0} to {1}.", "Move {0} to {1}.", "I named the file {0}, but it must be {1}.", "Give {0} the new name {1}.", "rename file: {0} -> {1}", "From now on {0} is {1}.", "Could you turn the file name {0} into {1}?", "The name {0} is misleading, make it {1}.", "Put the file {0} at {1}.",
         "Please call {0} {1} instead.", "Let {0} become {1}.", "Old name {0}, new name {1}", "I'd rather have {0} named {1}.", "Shift {0} over to {1}.", "Replace the filename {0} by {1}.", "File {0} belongs under {1}, move it.", "The file is now {0}. Name it {1}.", "{0} has the wrong name; {1} is right.", "Set {1} as the name for {0}.", "Would you relocate {0} to {1}?",
         "Can {0} get the name {1}?", "Take {0} and rename it {1}.", "move the file from {0} to {1}"),
        done("Renamed to {1}", "{0} is now {1}."),
    ),
    Concept(
        "restart_service service_restart restartService reboot_service systemctl_restart bounce_service reload_daemon restart_daemon",
        ("Restart a service.", "Stop and start a daemon", "Bounce a system service.", "Restarts a background process by name."),
        (string_param("service service name daemon unit service_name", words_of(SERVICES), "The service", "Name of the daemon"),),
        ("Restart {0}.", "{0} hangs, start it again.", "Bounce the {0} service.", "Can you stop and start {0}?", "After what I changed, {0} wants restarting.", "The service {0} doesn't respond. Restart it.", "{0} restart", "Give {0} a fresh start.", "I changed the config of {0}, so it has to be restarted.", "Kick {0}, it's stuck.", "Bring {0} down and up again.", "Service {0} needs a restart.",
         "After the update {0} must come up anew.", "Reboot the {0} daemon.", "Would a restart of {0} be possible now?", "Something's off with {0}, cycle it.", "Turn {0} off and on again.", "Please have {0} restarted.", "service to restart: {0}", "Relaunch {0}.", "{0} is leaking memory. Restart the service.", "Let {0} start over.", "Time for a restart of the daemon {0}.",
         "Start {0} afresh to load the new settings.", "Do a quick {0} restart.", "How about restarting {0}?"),
        done("{0} restarted", "The service {0} is restarted."),
    ),
    Concept(
        "server_status check_server serverStatus is_server_up get_server_status health_check ping_server host_status",
        ("Whether a server is running.", "Check the status of a server", "Health of a machine.", "Get a host's state."),
        (_SERVER,),
        ("Is server {0} up?", "Status of the server {0}?", "Is the machine {0} running?", "I can't reach {0}. Is it down?", "server status {0}", "How is {0} doing? Any outage?", "{0} seems dead, is it?", "Check whether {0} is alive.", "Does {0} respond?", "What state is the host {0} in?", "Has the machine {0} crashed?", "Health check for {0}", "Users say {0} is offline, true?", "Look if server {0} works.",
         "Tell me the condition of {0}.", "host {0}, up or down", "Can you see if {0} is online?", "Is there anything wrong with the host {0}?", "Did {0} survive the power cut?", "Find out if {0} answers.", "How healthy is {0}?", "The site is slow; is server {0} all right?", "Give me the state of {0}.", "Monitoring: {0}?", "Would you check on {0}, I think it died.", "is {0} reachable"),
        simple("status", lambda s: s.one_of(("up", "down", "running", "degraded", "unreachable", "healthy", "offline", "in maintenance", "rebooting", "overloaded")), "{v}", "The server {0} is {v}."),
    ),
    Concept(
        "disk_space free_disk getDiskSpace disk_usage storage_left check_disk free_space disk_free",
        ("Free disk space of a server.", "How much storage is left on a machine", "Get the disk usage of a host.", "Check whether a disk is full."),
        (_SERVER,),
        ("How much disk space is left on {0}?", "Is the disk of {0} full?", "free space on {0}", "How many gigabytes are free on {0}?", "Will the backup fit on {0}? Check the space.", "disk {0}", "Storage left on the server {0}?", "Can I still copy a large file to {0}? How much room is there?", "Tell me the free storage of {0}.", "What remains on {0}'s disk?",
         "Look how full {0} is.", "Is {0} running out of space?", "I got a disk warning from {0}. How much is free?", "How big is the free part of the disk in {0}?", "gigabytes free, {0}", "Does {0} have enough room left?", "Report disk usage for {0}.", "Room on {0}?", "What's the free capacity of {0}?", "The logs fill up {0}; how many GB are left?", "Give me {0}'s remaining storage.",
         "check the hard drive space of {0}", "How much can I still store at {0}?", "Find out the available space on {0}.", "Space check: {0}", "We want to install something on {0}. Free disk?"),
        simple("free_gb", lambda s: s.rng.randrange(0, 4000), "{v} GB free", "There are {v} GB free on {0}."),
    ),
    Concept(
        "create_branch git_branch createBranch new_branch branch_off make_branch checkout_new_branch add_branch",
        ("Create a git branch.", "Make a new branch in the repository", "Start a branch from another one.", "Branches off."),
        (string_param("name branch branch_name new_branch name", _branch, "Name of the branch", "The new branch"),
         string_param("base from base source from_branch start_point", lambda s: s.one_of(("main", "master", "develop", "dev", "staging", "trunk", f"release-{s.rng.randrange(1, 20)}", f"v{s.rng.randrange(1, 9)}.{s.rng.randrange(10)}")), "Where it starts", "Branch to start from")),
        ("Create a branch {0} from {1}.", "Start a new branch called {0}.", "Branch off {1} as {0}.", "Branch wanted: {0}", "I need a branch named {0} for my work.", "Make {0} based on {1}.", "new branch {0}", "From {1}, open the branch {0}.", "Let me work on a branch of my own, {0}.", "Add a git branch {0}.", "Set up branch {0}, starting at {1}.", "Take {1} and branch {0} off it.",
         "In git I want {0}, cut from {1}.", "Could you create {0} off {1} in the repository?", "The feature gets its own branch: {0}.", "Fork {0} from the branch {1}.", "I'd like to begin {0} as a branch on top of {1}.", "Open a branch with the name {0}.", "Give me a fresh branch, {0}.", "branch name {0}, base {1}", "We'll fix it in a separate branch, call that {0}.", "Fork the code at {1} into {0}.",
         "Please cut a branch {0} out of {1}.", "Is there a branch {0}? No? Create it.", "Derive a branch {0} from {1}.", "Put my next commits on a new branch {0}."),
        done("Branch {0} created", "The branch {0} is created."),
        required=1,
    ),
    Concept(
        "query_database sql_query runQuery execute_sql run_sql db_query database_query sql",
        ("Run an SQL query.", "Query the database", "Executes SQL and returns the rows.", "Ask the database something in SQL."),
        (string_param("query sql query statement sql_query q", _sql, "The SQL", "SQL statement"),
         string_param("database database db db_name schema_name", lambda s: f"{s.word(w.NOUNS).replace(' ', '_')}{s.one_of(('', '_db', '_prod', '_test', '2'))}", "Which database", "Name of the database")),
        ("Run this query: {0}", "Is this valid SQL, and what does it give? {0}", "What does the database say to {0}", "sql: `{0}`", "Execute the SQL `{0}`.", "Query the database with `{0}`.", "Get me the rows of `{0}`.", "I'd like to know what {0} returns", "Against the database, please: {0}", "Send `{0}` to the database {1}.", "Try the statement {0}", "Fire this at the db:\n{0}", "db> {0}",
         "Evaluate the following SQL.\n{0}", "What comes back for `{0}`?", 'Look in the database: "{0}"', 'Here is my statement: "{0}"', "The query is `{0}`.", "How many rows or what value do I get from `{0}`?", "Perform `{0}` on our tables.", "In the database {1}, run `{0}`.", "Give me the outcome of the query `{0}`.", "select statement to run: {0}", "Can the database answer `{0}`?",
         "Pull data with `{0}`.", "On {1} execute this SQL: `{0}`"),
        required=1,
        result=simple("rows", lambda s: s.rng.randrange(0, 90000), "{v}", "The query returns {v}."),
    ),
    Concept(
        "dns_lookup resolve_domain resolveHost get_ip nslookup domain_to_ip lookup_dns ip_of_domain",
        ("IP address of a domain.", "Resolve a host name", "Look up a domain in DNS.", "Get the address a domain points to."),
        (string_param("domain hostname host domain name site", _domain, "The domain", "Host name to resolve"),),
        ("What's the IP of {0}?", "Resolve {0}.", "dns {0}", "Which IP address does {0} point to?", "IP of {0}", "Where does the domain {0} lead, as an IP?", "Do a DNS lookup on {0}.", "I moved my website. What address does {0} resolve to now?", "Look up the IP address for {0}.", "{0} has which IP?", "Tell me the A record of {0}.", "Find the address behind {0}.", "Translate the host name {0} to an IP.",
         "Is the DNS entry for {0} right? Show the IP.", "I only know the name {0}, give me the IP.", "Ask the name server about {0}.", "Under what IP is {0} reachable?", "Give me the numeric address for {0}.", "What does DNS return for {0}?", "I need to put {0} in the firewall, so what's its IP?", "ip address {0}", "To which machine does {0} resolve?", "Check the DNS of {0}.", "Domain {0}: IP?", "What number hides behind the name {0}?",
         "Convert the domain {0} into its IP address."),
        simple("ip", _ip, "{v}", "{0} points to {v}."),
    ),
    Concept(
        "create_user add_user createUser new_account register_user user_add create_account make_user",
        ("Create a user account.", "Add a user to the system", "Register a user with a mail address.", "Makes a new login."),
        (string_param("username user login username user_name", _username, "The login name", "User name"),
         string_param("email mail email email_address contact", text_of(w.email), "The mail address", "E-mail of the user")),
        ("Create a user {0} with the email {1}.", "Add the account {0}, mail {1}.", "New user: {0}, {1}", "We have a new colleague, make an account {0} for {1}.", "Register {0} with {1}.", "Set up a login {0} whose e-mail is {1}.", "user {0} mail {1}", "Give {1} an account named {0}.", "I need a user account: name {0}, address {1}.", "Open an account for {0} ({1}).", "Let {0} have access; their mail is {1}.",
         "Sign {1} up as {0}.", "account {0} for {1}", "Could you create the login {0} linked to {1}?", "Put a user called {0} into the system, e-mail {1}.", "The username should be {0} and the email {1}. Create it.", "Make {0} a user, contact {1}.", "Someone starts on Monday: login {0}, mail {1}. Add them.", "{1} wants to join as {0}, create the account.", "Enrol the user {0} with address {1}.",
         "Please provide an account to {1}, user name {0}.", "There's no account {0} yet. Create it with the mail {1}.", "Add user\nname: {0}\nmail: {1}", "User {0}, reachable at {1}, needs an account.", "Generate an account with username {0} and email {1}.", "Onboard {0}, whose mail address is {1}."),
        simple("user_id", lambda s: w.identifier(s.rng), "User created, id {v}", "The user {0} has the id {v}."),
    ),
    Concept(
        "reset_password password_reset resetPassword new_password forgot_password send_password_reset change_login renew_password",
        ("Reset a user's password.", "Give a user a new password", "Start a password reset for a login.", "Helps a user who forgot the password."),
        (string_param("username user username login account user_name", _username, "The login name", "Whose password"),),
        ("Reset the password of {0}.", "{0} forgot the password.", "User {0} can't log in any more, give out a new password.", "password reset {0}", "The login {0} needs a fresh password.", "I forgot my password, my user name is {0}.", "Send {0} a new password.", "Could {0} get a different password?", "Locked out! My login is {0}, reset my password.", "Renew the password for the account {0}.",
         "Please set back {0}'s password.", "What does {0} do without the old password? Reset it.", "Make a new password for {0}.", "The user {0} lost the password again.", "Account {0}: reset password", "I typed the wrong password too often as {0}, help me with a reset.", "Issue a temporary password to {0}.", "{0} says the password was stolen, replace it.", "Start the forgotten password process for {0}.",
         "Trigger a password reset on user {0}.", "My colleague {0} doesn't remember the password.", "new password, user {0}", "Clear the password of {0} and assign another.", "Let {0} choose a new password.", "Is a password reset for {0} possible?", "Help {0} back in with a new password."),
        simple("password", lambda s: w.letters(s.rng, 8), "New password: {v}", "The new password of {0} is {v}."),
    ),
    Concept(
        "read_logs get_logs tail_log getLogs service_logs show_log last_log_lines fetch_logs",
        ("Last lines of a service's log.", "Read the log of a service", "Tail a log.", "Get what a daemon logged lately."),
        (string_param("service service name source daemon app", words_of(SERVICES), "The service", "Whose log"),
         integer_param("lines count lines n tail limit", 1, 500, "How many lines", "Number of lines")),
        ("Show the last {1} lines of the {0} log.", "What did {0} log? {1} lines.", "{0} log tail, {1} lines", "logs {0} {1}", "Give me {1} log lines from {0}.", "I want to see why {0} failed, print {1} lines of its log.", "Read the {0} logs, last {1} entries.", "The newest {1} messages of {0}, please.", "Fetch {1} lines out of the log for {0}.", "Any errors in {0}? Look at the last {1} lines.",
         "Pull the log of {0} ({1} lines).", "How do the recent {1} log entries of {0} read?", "Let me look at {0}'s log, {1} lines are enough.", "{1} lines of log for the service {0}", "Open the journal for {0} and show {1} lines.", "What has {0} been writing? Last {1} lines", "Service {0}: log, {1} lines", "Debugging {0}: I need its latest {1} log lines.", "Get the end of the {0} log, {1} lines.",
         "Could you print the log tail of {0}, {1} lines?", "From the log of {0} take the final {1} lines.", "Check the last {1} things {0} logged.", "What are the final {1} entries in the journal of {0}?", "{0} crashed, show me {1} lines of the log.", "Display {1} recent lines logged by {0}.", "Only the last {1} lines from {0}'s log."),
        simple("log", lambda s: f"{s.one_of(('ERROR', 'WARN', 'INFO', 'FATAL', 'DEBUG'))}: {s.word(w.NOUNS)} {s.one_of(('timeout', 'not found', 'started', 'lost', 'refused', 'too large', 'saved', 'closed'))}", "{v}", "The log of {0} says: {v}"),
    ),
    Concept(
        "set_auto_backup automatic_backup setBackup toggle_backup backup_switch enable_backups auto_backup configure_backup",
        ("Switch automatic backups of a server on or off.", "Turn the nightly backup on or off", "Whether a machine is backed up.", "Configure auto backup."),
        (_SERVER, Param("enabled on enabled active state backup", "boolean", lambda s: s.chance(0.5), ("Whether backups run", "true for on"))),
        ("Turn automatic backups {1} for {0}.", "Switch the backup of {0} {1}.", "backup {0} {1}", "I want auto backup {1} on the server {0}.", "Nightly backups for {0}: {1}", "Set the backups for {0} to {1}.", "Automatic backup should be {1} at {0}.", "For the machine {0}, put backups {1}.", "Make sure the auto backup of {0} is {1}.", "Can you flip the backup switch of {0} to {1}?",
         "{0}: backups {1}", "The daily backup of host {0} has to be {1} from tonight.", "Would you turn {1} the backups of {0}?", "Switch {1} automatic backups, server {0}.", "Backups on {0} are to be turned {1}.", "I'd like {0}'s backups {1}.", "auto backup {1}, host {0}", "Change backup on {0} to {1}.", "Have the backup job for {0} switched {1}.", "Please toggle the automated backup of {0} to {1}.",
         "During the migration, backups of {0} must be {1}.", "Let the backups for {0} be {1}.", "Is {0} backed up at night? It should be {1}.", "Server {0}, automatic backups {1}", "We decided on backups for {0}: turn them {1}.", "Put the night backup of server {0} {1}."),
        done("ok", "The backups of {0} are switched."),
    ),
)

_SCHOOL: Final[tuple[Concept, ...]] = (
    Concept(
        "get_grade grade_of getGrade student_grade lookup_mark get_mark school_mark grade_lookup",
        ("Grade of a student in a subject.", "Look up a pupil's mark", "What mark a student got.", "Get the grade in a course."),
        (_STUDENT, _SUBJECT),
        ("What grade does {0} have in {1}?", "How did {0} do in {1}?", "{0} {1} grade", "Is {0} passing {1}?", "Which mark did {0} get in {1}?", "Tell me {0}'s mark in {1}.", "Grade of {0}, subject {1}", "I'd like to see how {0} stands in {1}.", "Has {0} failed {1}? What's the mark?", "Parents of {0} ask about the grade in {1}.", "Look up {1} for the student {0}.",
         "How good is {0} at {1} according to the marks?", "what mark in {1} for {0}", "What's on the report card of {0} for {1}?", "Did the {1} exam go well for {0}? Give me the grade.", "Check the grade book: {0}, {1}", "Where does {0} stand in {1}?", "In {1}, what was {0} given?", "For {0}, show the result in {1}.", "My daughter {0} won't tell me her mark in {1}.",
         "What did the teacher of {1} give {0}?", "Find the {1} grade of {0}.", "Report: {1}, pupil {0}, grade?", "Can {0} move up with the mark in {1}? What is it?", "Show me the mark that {0} earned in {1}.", "Get {0}'s final grade for {1}."),
        simple("grade", _mark, "{v}", "{0} has {v} in {1}."),
    ),
    Concept(
        "record_grade enter_grade recordGrade set_mark add_grade grade_student save_mark enterGrade",
        ("Enter a student's grade.", "Record a mark in the grade book", "Save the points of a pupil in a subject.", "Give a student a mark."),
        (_STUDENT, _SUBJECT, integer_param("points score points mark grade", 0, 101, "Points from 0 to 100", "The mark")),
        ("Give {0} {2} points in {1}.", "{0} got {2} in {1}, write it down.", "Enter {2} for {0} in {1}.", "grade book: {0}, {1}, {2}", "I marked the {1} paper of {0}: {2} points.", "Record a {2} in {1} for the student {0}.", "{1}: {0} has earned {2} points.", "The {1} test of {0} is worth {2}. Save that.", "Put {2} in the list for {0}, subject {1}.", "Set the {1} mark of {0} to {2}.",
         "Note that {0} scored {2} in {1}.", "In {1} I award {0} {2} points.", "{2} points go to {0} for {1}.", "Student {0}, course {1}, mark {2}", "Could you add {0}'s score of {2} in {1}?", "Please register {2} points for {0} in {1}.", "Fill in the grade of {0}: {2}, subject {1}", "{0} deserves {2} in {1}. Enter it.", "Reward {0} with {2} in {1}.", "For the exam in {1}, {0} receives {2}.",
         "Log {2} as the {1} result of {0}.", "My pupil {0} reached {2} points in {1}; put it in.", "Write {2} next to {0}'s name for {1}.", "Add to the grades: {2} for {0} in {1}", "Change nothing else, just give {0} a {2} in {1}.", "{1} results: {0} {2}"),
        done("Saved", "{0} has {2} points in {1}."),
    ),
    Concept(
        "next_lesson get_lesson nextClass lesson_time when_is_class timetable next_class class_schedule",
        ("When the next lesson of a subject is.", "Get the next class from the timetable", "Time of a school lesson.", "Look into the timetable."),
        (_SUBJECT,),
        ("When is my next {0} lesson?", "What time is {0} class?", "next {0} lesson", "When do I have {0} again?", "Is there {0} this week? When?", "Timetable: when's {0}?", "On which day do we have {0}?", "At what time does the {0} lesson start?", "I lost my timetable. When is {0}?", "When does our class meet for {0}?", "Look at the timetable for {0}.", "{0}, when's the next class?",
         "Did I miss {0}, or is the lesson still to come?", "How long until the lesson in {0}? Give me the time.", "Find the next hour of {0} in my schedule.", "Tell me when {0} is taught next.", "Which slot is {0} in?", "my schedule for {0}", "Do I need to pack my books for {0}? When's the lesson?", "What does the schedule say about {0}?", "When will the teacher of {0} see us next?",
         "Check when {0} takes place.", "Our next session of {0} is when?", "Remembering times is hard, when's {0} class?", "Next time we have {0}?", "Show the coming lesson for {0}."),
        simple("lesson", lambda s: f"{s.word(w.DAYS)} at {w.clock(s.rng)}", "{v}", "The next {0} lesson is on {v}."),
    ),
    Concept(
        "get_homework homework homework_for getHomework list_homework assignment_of what_homework school_tasks",
        ("Homework in a subject.", "Get what has to be done for school", "Look up the assignment of a course.", "What the teacher set as homework."),
        (_SUBJECT,),
        ("What's the homework in {0}?", "Do we have homework for {0}?", "{0} homework", "What do I have to do for {0}?", "I was ill, what did the {0} teacher set?", "Any assignment in {0}?", "Tell me today's homework for {0}.", "homework {0}?", "What must be ready for the next lesson in {0}?", "Which exercises did we get in {0}?", "I forgot to write down the task for {0}.", "What did we get to do at home in {0}?",
         "Look up my {0} assignment.", "Is there something to prepare in {0}?", "My son says there's no homework in {0}. Is that so?", "Show the tasks for {0}.", "How much homework is there in {0}, and what?", "Find the homework given in {0}.", "What should I study for {0} tonight?", "Which assignment is due in {0}?", "The homework, please: {0}", "Give me the to-do from {0} class.", "What are we supposed to hand in for {0}?",
         "Have I got to do anything for {0}?", "Check the homework diary for {0}.", "In {0}, what was set for home?"),
        simple("homework", lambda s: s.word(HOMEWORK), "{v}", "The homework in {0}: {v}."),
    ),
    Concept(
        "renew_loan extend_loan renewBook renew_book library_renew extend_book keep_book_longer loan_extension",
        ("Renew a library loan.", "Extend how long a book may be kept", "Keep a borrowed book longer.", "Renews a book at the library."),
        (string_param("title book title book_title item", _title, "The book", "Title of the borrowed book"),),
        ("Renew my loan of {0}.", "I haven't finished {0} yet, can I keep it longer?", "Extend the library loan for {0}.", "{0} is due at the library, renew it.", "May I have {0} for some more weeks?", "library: extend {0}", "The library wants {0} back, but I still need it. Extend it.", "Ask the library for more time with {0}.", "renew {0}", "Prolong the borrowing of {0}.", "I'd like another month with the library book {0}.",
         "Can my loan for {0} be lengthened?", "Don't let {0} become overdue, renew the loan.", "Give me longer for the borrowed book {0}.", "Until when can I keep {0} if I renew now? Do it.", "Still reading {0}, please extend.", "Put off the return of {0}.", "My library book {0} needs a new due date.", "Push back the return date of {0}.", "Is an extension for {0} possible? Then do it.",
         "Loan extension for the title {0}", "I can't bring {0} back in time, so renew it.", "Let me hold on to {0}, the library copy.", "Library loan {0}: more time", "Make the library loan of {0} last longer.", "Keep {0} on my card for longer."),
        simple("due", lambda s: w.date(s.rng), "Due on {v}", "You can keep {0} until {v}."),
    ),
    Concept(
        "mark_absent record_absence markAbsent report_absence absent_student add_absence absence call_in_sick_student",
        ("Record that a student is absent.", "Report a pupil's absence on a day", "Notes that a student is missing.", "Excuse a child from school."),
        (_STUDENT, _DAY),
        ("{0} is absent on {1}.", "Put {0} down as absent for {1}.", "My child {0} won't come to school on {1}.", "absence: {0}, {1}", "{0} is ill and stays home on {1}.", "Excuse {0} from class on {1}.", "Note that {0} was missing on {1}.", "On {1} the student {0} did not show up.", "Report {0} as absent, day {1}.", "{0} has a doctor's visit on {1} and can't attend.", "Put an absence in the register for {0} on {1}.",
         "Where was {0} on {1}? Not in school. Record it.", "We missed {0} in class on {1}, enter that.", "Please excuse {0} on {1}.", "I'm calling in sick for {0}, date {1}.", "Class register {1}: {0} not there", "Could you write down that {0} is away on {1}?", "{0} can't take part in lessons on {1}.", "The seat of {0} stayed empty on {1}; mark it.", "Enter {1} as a day of absence for {0}.",
         "As of the roll call on {1}, {0} is missing.", "Let the school know {0} will be absent on {1}.", "not in school {1}: {0}", "{1}, absent pupil: {0}", "Register a sick day on {1} for {0}.", "{0} needs to be off school on {1}."),
        done("Absence recorded", "{0} is marked absent on {1}."),
    ),
)

_MEDIA: Final[tuple[Concept, ...]] = (
    Concept(
        "find_photos search_photos photos_of findPhotos photo_search show_photos get_pictures pictures_from",
        ("Find photos of a place.", "Search the photo library", "Pictures taken somewhere.", "Show the user's photos from a trip."),
        (string_param("place place location where taken_in query", text_of(w.place), "The place", "Where the photos were taken"),),
        ("Show me my photos from {0}.", "Where are the pictures of {0}?", "photos {0}", "Find the snapshots I took in {0}.", "How many pictures do I have from {0}?", "I want to look at our holiday pictures from {0}.", "Open the photos of the trip to {0}.", "Did I take any photos in {0}?", "pictures taken in {0}", "Bring up everything I photographed in {0}.", "Search my gallery for {0}.", "Remember {0}? Let's see the photos.",
         "Which images in my library are from {0}?", "I'd like to show my friends the pictures I shot in {0}.", "Look through my camera roll for {0}.", "Pull out the images of our time in {0}.", "My photo album from {0}, please.", "Are there any shots of {0} among my pictures?", "Get me the photos with the location {0}.", "gallery, {0}", "We were in {0} last year, find the photos.", "Display pictures shot at {0}.",
         "Filter my photos by {0}.", "Is there a picture of me in {0}?", "All my photographs of {0}", "Let me see what I photographed around {0}."),
        simple("photos", lambda s: s.rng.randrange(0, 900), "{v} photos", "There are {v} photos from {0}."),
    ),
    Concept(
        "play_podcast podcast start_podcast playPodcast play_episode latest_episode podcast_play listen_podcast",
        ("Play a podcast.", "Start the latest episode of a show", "Listen to a podcast by its name.", "Plays the newest episode."),
        (string_param("show podcast show name title podcast_name", words_of(SHOWS), "The podcast", "Name of the show"),),
        ("Play the podcast {0}.", "Start the latest episode of {0}.", "I want to hear the new {0} episode.", "podcast {0}", "Put on the podcast called {0}.", "Is there a new episode of {0}? Play it.", "Let me listen to the podcast {0}.", "What's new on {0}? Start the episode.", "Continue with the podcast {0}.", "Resume the show {0} in the podcast app.", "Today's episode of {0}, please.", "On my way to work I always hear the podcast {0}, turn it on.",
         "Could we have the most recent {0} podcast?", "Run the newest episode from {0}.", "Give me something to listen to: the podcast {0}.", "Open the podcast {0} and press play.", "Play episode, show: {0}", "Catch up on the podcast {0}.", "I missed the last episode of {0}, play that.", "Begin the current {0} episode.", "Tune in to the podcast {0}.", "Time for my podcast, {0}.", "Let the episode of {0} run while I cook.",
         "The show is called {0}, it's a podcast. Start it.", "latest {0} podcast", "Stream the podcast {0}."),
        simple("episode", lambda s: s.rng.randrange(1, 700), "Playing episode {v}", "I am playing episode {v} of {0}."),
    ),
    Concept(
        "create_playlist make_playlist createPlaylist new_playlist build_playlist playlist_create save_playlist compile_playlist",
        ("Create a playlist from songs.", "Make a new list of songs", "Save several songs as a playlist.", "Builds a playlist with a name."),
        (string_param("name playlist name title playlist_name", words_of(PLAYLISTS), "Name of the playlist", "The playlist"),
         Param("songs songs tracks titles items", "array", _songs, ("The songs", "Titles in the playlist"))),
        ("Make a playlist {0} with {1}.", "Create a playlist called {0} from {1}.", "New playlist: {0}. Songs: {1}", "I want {1} in a playlist named {0}.", "Put the songs {1} together as {0}.", "Build me {0}, a playlist of {1}.", "playlist {0}: {1}", "Save {1} as the playlist {0}.", "Collect {1} in a new list, title {0}.", "Can you set up the playlist {0} with the tracks {1}?", "For the party, a playlist: {1}. Name it {0}.",
         "The tracks {1} should form a playlist; call it {0}.", "{0} is the name, the songs are {1}. Make the playlist.", "Compile {1} into the playlist {0}.", "Start a list of songs under the name {0}: {1}", "Let's have a playlist, {0}, containing {1}.", "Bundle {1} up as a playlist, name {0}.", "Songs {1}, playlist {0}", "Generate the playlist {0}. It has {1}.", "I'm making a mix named {0} out of {1}.",
         "Please group {1} in a playlist with the title {0}.", "Which songs? {1}. Which name? {0}. Create the playlist.", "Add a playlist {0} to my music, tracks {1}.", "My playlist {0} shall consist of {1}.", "Arrange {1} in a playlist and name that {0}.", "Set {1} down as my new playlist {0}."),
        done("Playlist {0} created", "The playlist {0} has {1}."),
    ),
    Concept(
        "set_volume volume setVolume change_volume adjust_volume volume_level loudness sound_level",
        ("Set the volume.", "Change how loud the sound is", "Volume of the speaker in percent.", "Adjust the sound level."),
        (integer_param("level volume level percent value loudness", 0, 101, "From 0 to 100", "The volume"),),
        ("Set the volume to {0}.", "Volume {0}", "Turn the sound to {0} percent.", "It's too loud, go down to {0}.", "I can't hear anything, make it {0}% loud.", "Change the loudness to {0}.", "volume at {0}%", "Put the sound level at {0}.", "Louder, {0} percent.", "Softer, please: {0}", "Can the speakers play at {0}%?", "Bring the volume to {0}.", "Sound: {0}", "The baby is asleep, lower the volume to {0}.", "Crank it up to {0}.",
         "Could you quieten it to {0}?", "How about a volume of {0}?", "Let it play at volume {0}.", "I want the speaker on {0} percent.", "Adjust the volume, {0} is fine.", "Reduce the noise to {0}%.", "Raise the sound to {0}.", "Loudness {0} would be right.", "Make the audio {0} percent.", "Give me {0}% volume.", "Keep the sound at {0}."),
        done("Volume {0}", "The volume is {0}."),
    ),
    Concept(
        "share_album share_photos shareAlbum send_album album_share invite_to_album share_pictures give_album_access",
        ("Share a photo album with people.", "Let people see an album", "Invite friends to a photo album.", "Give others access to pictures."),
        (string_param("album album name title album_name", lambda s: f"{w.place(s.rng, s.held)} {s.rng.randrange(2005, 2030)}" if s.chance(0.5) else capital(s.word(w.EVENTS)), "The album", "Name of the album"),
         Param("people people with users friends names", "array", _people, ("Who may see it", "Names of the people"))),
        ("Share the album {0} with {1}.", "Let {1} see the photo album {0}.", "Album {0}: give access to {1}.", "I'd like {1} to have a look at my album {0}.", "share {0} album {1}", "Open up the pictures in {0} for {1}.", "{1} asked for the photos in the album {0}.", "Invite {1} to the album {0}.", "The photo album {0} should be visible to {1}.", "Show {1} the album {0}.", "Can {1} get the pictures from album {0}?",
         "Grant {1} access to the photos called {0}.", "Pass the album {0} on to {1}.", "Make the album {0} shared, people: {1}", "Who may view {0}? Only {1}. Share the album.", "Please allow {1} into my album {0}.", "Send a link of the photo album {0} to {1}.", "{0} is an album I want to share with {1}.", "Add {1} as viewers of the album {0}.", "My friends {1} were there too, share the album {0} with them.",
         "Distribute the pictures of {0} to {1}.", "Photos for {1}: album {0}", "For {1}, unlock the album {0}.", "Don't keep the album {0} private, let {1} in.", "Everyone who came, that's {1}, gets the album {0}.", "Have {1} join the shared album {0}."),
        done("Album shared", "The album {0} is shared with {1}."),
    ),
    Concept(
        "set_subtitles subtitles toggle_subtitles setSubtitles captions switch_subtitles enable_captions show_captions",
        ("Switch subtitles on or off.", "Turn captions on or off", "Whether subtitles are shown.", "Control the captions of the video."),
        (Param("on enabled on show visible state", "boolean", lambda s: s.chance(0.5), ("Whether they are shown", "true for on")),),
        ("Turn subtitles {0}.", "Subtitles {0}", "Switch {0} the captions.", "I'd like the subtitles {0}.", "captions {0} for this film", "Put the subtitles {0}.", "Have the captions turned {0}.", "Can I watch with subtitles {0}?", "Set closed captions to {0}.", "The film would be better with the subtitles {0}.", "Make the captions {0}.", "Subtitles should be {0}.", "Flip the subtitles to {0}.", "Watch it with captions {0}.",
         "Would you switch the subtitles {0}?", "For the rest of the evening keep subtitles {0}.", "Video setting: subtitles {0}", "We prefer to have captions {0}.", "Turn {0} the text below the picture.", "Closed captions: {0}", "The text at the bottom of the screen, turn it {0}.", "Change subtitles to {0}.", "For the children, captions {0}.", "Go on, but with subtitles {0}.", "Let's have the captions {0}.", "Could we get the subtitles turned {0}?"),
        done("ok", "The subtitles are switched."),
    ),
)

_ANIMALS: Final[tuple[Concept, ...]] = (
    Concept(
        "vet_appointment book_vet bookVet vet_visit schedule_vet make_vet_appointment veterinarian animal_doctor",
        ("Make an appointment with the vet.", "Book a visit to the animal doctor", "Schedule a vet for a pet.", "Vet appointment on a day at a time."),
        (string_param("pet animal pet name pet_name patient", text_of(w.first_name), "The pet", "Name of the animal"), _DAY,
         string_param("time hour at time when_time", text_of(w.clock), "The time", "At what time")),
        ("Book the vet for {0} on {1} at {2}.", "{0} needs to see the vet, {1} at {2} would suit us.", "vet {0} {1} {2}", "My dog {0} limps. Get a vet appointment on {1}, {2}.", "Can the vet look at {0} on {1} at {2}?", "Make an appointment at the animal clinic for {0}: {1}, {2}", "{0} is due for a vaccination, take {1} at {2} at the vet's.", "On {1} at {2} I'd like to bring {0} to the vet.",
         "Schedule {0} with the veterinarian on {1} for {2}.", "Our cat {0} has stopped eating, arrange a vet visit on {1} at {2}.", "Is the vet free on {1} at {2}? It's for {0}.", "Vet visit: {0}, day {1}, time {2}", "Take {0} to the vet on {1}; the time should be {2}.", "Reserve {2} on {1} at the vet for {0}.", "For my rabbit {0}, a vet appointment at {2} on {1}.",
         "Please put {0} down at the vet's for {1}, {2}.", "We want the vet to check {0} at {2} on {1}.", "Something is wrong with my hamster {0}. Vet, {1}, {2}.", "An appointment for {0} at the veterinary practice, {1} {2}", "{1}, {2}: vet for {0}", "The animal doctor should see {0} on {1} at {2}.", "I can bring {0} in to the vet on {1} at {2}, book it.", "Fix a date at the vet for {0}: {1} at {2}",
         "Let the vet examine {0} on {1}, {2}.", "Sign {0} up at the vet on {1} at {2}.", "Need a vet for {0}, preferably {1} at {2}."),
        done("Appointment made", "{0} sees the vet on {1} at {2}."),
    ),
    Concept(
        "feed_pet feeding log_feeding feedAnimal give_food pet_feeder dispense_food feed_animal",
        ("Feed a pet.", "Let the feeder give out food", "Dispense an amount of food for an animal.", "Give a pet its food in grams."),
        (string_param("animal pet animal species for_animal", words_of(w.ANIMALS), "The animal", "Which pet"),
         integer_param("grams amount grams portion weight g", 5, 900, "Food in grams", "How much food")),
        ("Feed the {0} {1} grams.", "Give the {0} {1} g of food.", "The {0} is hungry, {1} grams please.", "feed {0} {1}g", "Put {1} grams in the {0}'s bowl.", "Let the feeder drop {1} grams for the {0}.", "{1} grams for the {0}", "It's dinner time for the {0}: {1} g", "My {0} should get {1} grams now.", "Fill the {0}'s bowl with {1} grams.", "Has the {0} eaten? Give it {1} grams.", "Serve {1} g to the {0}.",
         "Dispense {1} grams of food to the {0}.", "The {0} gets {1} grams this time.", "I'm late, so feed my {0} with {1} grams.", "Could you let the {0} have {1} grams of feed?", "Breakfast for the {0}, {1} grams", "Portion for the {0}: {1} grams", "Hand out {1} grams, it's for the {0}.", "The {0} looks at me with big eyes. {1} grams for it.", "Treat the {0} to {1} grams.", "A meal of {1} g for my {0}.",
         "Pour {1} grams of pellets for the {0}.", "Start the feeder: {0}, {1} grams", "Release {1} grams of food, animal: {0}", "Would you give my {0} {1} grams to eat?"),
        done("Fed", "The {0} got {1} grams of food."),
    ),
)

_PEOPLE: Final[tuple[Concept, ...]] = (
    Concept(
        "get_birthday birthday_of birthday getBirthday when_born birth_date lookup_birthday date_of_birth",
        ("Somebody's birthday.", "Look up when a contact was born", "Get the date of birth of a person.", "When a friend has a birthday."),
        (string_param("name person name contact friend who", text_of(w.person), "The person", "Full name"),),
        ("When is {0}'s birthday?", "birthday {0}", "On which day was {0} born?", "I want to congratulate {0}, but when?", "What is the date of birth of {0}?", "When do we have to buy a present for {0}?", "How soon does {0} turn a year older? Tell me the day.", "Did I miss the birthday of {0}?", "Date of birth of {0}?", "Is it {0}'s birthday soon? When?", "Look up the birthday of {0}.",
         "When does {0} celebrate getting older?", "I always forget when {0} was born.", "What day should I bake a cake for {0}'s birthday?", "Tell me on what date {0} was born.", "Find out {0}'s birthday for me.", "When should I send {0} a birthday card?", "{0} born when?", "Give me {0}'s date of birth.", "Which day of the year is the birthday of {0}?", "Does {0} have a birthday in summer? I need the date.",
         "Our friend {0} gets older on which date?", "What's written as {0}'s birth date?", "birth date, {0}", "Do you know when {0} came into the world?", "We plan a birthday surprise for {0}. What's the day?"),
        simple("birthday", lambda s: w.date(s.rng), "{v}", "The birthday of {0} is {v}."),
    ),
    Concept(
        "add_contact save_contact addContact new_contact create_contact save_number store_contact contact_add",
        ("Save a new contact.", "Add a person with a phone number", "Store a number in the phone book.", "Creates an entry in the contacts."),
        (string_param("name name person contact_name full_name", text_of(w.person), "The name", "Who it is"),
         string_param("phone number phone phone_number telephone tel", text_of(w.phone), "The number", "Phone number")),
        ("Save {0} with the number {1}.", "Add {0} to my contacts, {1}.", "New contact: {0}, {1}", "{0}'s number is {1}, store it.", "Put {1} under {0} in the phone book.", "I met {0} today, the phone is {1}. Keep it.", "contact {0} {1}", "Create an entry for {0} with phone {1}.", "Note down the number of {0}: {1}", "Remember that {0} can be reached at {1}.", "{1} belongs to {0}; add that to the address book.", "Write {0} into my contacts. Phone: {1}",
         "Please keep {1} as the number of {0}.", "Make a contact named {0}, telephone {1}.", "The new plumber is {0}, {1}. Save the contact.", "Store number {1} for {0}.", "Could you enter {0} ({1}) in my phone?", "{0} gave me a number, {1}. Add it.", "Let me have {0} among my contacts: {1}", "address book: {0} = {1}", "Under the name {0} save {1}.", "I'd like to add somebody, {0}, phone number {1}.", "Register {0} as a contact with {1}.",
         "Insert {0} into the phone list with {1}.", "My contacts lack {0}. The number would be {1}.", "Take down this contact: name {0}, number {1}"),
        done("Contact saved", "{0} is saved with the number {1}."),
    ),
    Concept(
        "send_text send_sms sendSms text_message sms send_chat_message message_person sendMessage",
        ("Send a text message.", "Send an SMS to a contact", "Text somebody.", "Message a person on the phone."),
        (string_param("to recipient to person contact name", text_of(w.person), "The recipient", "Who gets the message"),
         string_param("text message text content msg body", text_of(w.remark), "The message", "What to say")),
        ('Text {0}: "{1}"', "Send an SMS to {0} saying {1}", "Message {0} with the words: {1}", "sms {0}: {1}", 'Write {0} a text, "{1}".', "Let {0} know by text: {1}", 'Send "{1}" to {0} by SMS.', "Drop {0} a text message that says {1}", "I want {0} to read this on the phone: {1}", 'Shoot {0} a text with "{1}".', 'Could you text "{1}" to {0}?', "Text message for {0}. It goes: {1}", "To {0}, as an SMS: {1}",
         'Compose a text to {0} that reads "{1}".', '"{1}" - text that to {0}.', "Please message {0} on the phone: {1}", 'Answer {0} by text with "{1}".', 'My battery is low, quickly text {0} "{1}".', "new sms, to {0}, text {1}", "{0} is waiting for a text from me. Write: {1}", "I have to tell {0} by SMS: {1}", 'Ping {0} on the phone with "{1}".', 'SMS "{1}" over to {0}.', "Give {0} this short message: {1}",
         'Forward the words "{1}" to {0} as a text.', "Text to {0}. Content: {1}"),
        done("Sent", "I sent the text to {0}."),
    ),
    Concept(
        "make_call call_person phoneCall call dial start_call call_contact ring_up",
        ("Call somebody.", "Start a phone call to a contact", "Dial a person's number.", "Ring up someone."),
        (string_param("person name contact who callee to", text_of(w.person), "Whom to call", "The person"),),
        ("Call {0}.", "Ring {0} up.", "Get {0} on the line.", "Give {0} a ring.", "Dial {0}.", "call {0} now", "I'd like to speak to {0} on the phone, start the call.", "Put me through to {0}.", "Start a phone call with {0}.", "Connect me with {0}, please.", "Try calling {0}.", "Make a call to {0}.", "Let me talk to {0}, dial.", "My hands are full, call {0} for me.", "Could you get hold of {0} by calling?", "{0} tried to reach me. Call back.",
         "Return the call of {0}.", "Begin a call: {0}", "dial {0} on speaker", "Phone {0} right now.", "Ring {0} again, I was cut off.", "Open a line to {0}.", "It's urgent, call {0} at once.", "Place a call to {0}.", "Buzz {0}.", "Can we have {0} on the phone? Call."),
        done("Calling {0}", "I am calling {0}."),
    ),
    Concept(
        "create_group group_chat createGroup new_group_chat make_group start_group_chat group_create add_chat_group",
        ("Create a group chat.", "Start a chat with several people", "Make a group with a name and members.", "New messaging group."),
        (string_param("name group name title group_name", words_of(PLAYLISTS + w.Pool.of("Neighbours Cousins Colleagues Roommates Carpool Choir Classmates Hikers Gamers Climbers Bakers Runners Family Crew Band Squad")), "Name of the group", "The group"),
         Param("members members people users participants names", "array", _people, ("The members", "Names of the people"))),
        ("Create a group chat {0} with {1}.", "Start a group called {0} for {1}.", "I'd love a group chat with {1}; name: {0}.", "Plan: a chat {0} where {1} can write.", "New group: {0}. Members: {1}", "Put {1} into a chat named {0}.", "I want to chat with {1} together, group name {0}.", "group {0}: {1}", "Make {0}, a group chat for {1}.", "Let's open a chat for {1} and call it {0}.", "Bring {1} together in the group {0}.", "Set up a messaging group, {0}, members {1}.", "{1} should be in one chat, titled {0}.", "Could you form a chat group {0} out of {1}?",
         "The group is named {0}, the people are {1}. Create it.", "Open the group chat {0} and invite {1}.", "We need a shared chat ({0}) with {1}.", "Gather {1} in a group conversation named {0}.", "Group chat for {1}, name: {0}", "A conversation with {1}. Title {0}.", "Found the chat group {0} with {1}.", "Which people? {1}. Which group? {0}. Set it up.", "So that {1} can talk, make a chat {0}.", "Please launch a group {0}; add {1}.",
         "Have {1} in a new chat group under the name {0}.", "chat with {1}, call it {0}", "Build the group {0} from my contacts {1}.", "Get {1} into a group chat, {0}."),
        done("Group created", "The group {0} has {1}."),
    ),
    Concept(
        "block_number block_caller blockNumber reject_number ban_number spam_block block_phone add_to_blocklist",
        ("Block a phone number.", "Reject all calls of a number", "Put a caller on the block list.", "Stops a number from calling."),
        (string_param("number phone number caller phone_number tel", text_of(w.phone), "The number", "Number to block"),),
        ("Block the number {0}.", "{0} keeps calling me, stop that.", "Don't let {0} ring through any more.", "Put {0} on the block list.", "block caller {0}", "I get spam from {0}.", "Refuse all calls from {0}.", "The number {0} annoys me every day. Block it.", "No more calls from {0}, please.", "Ban {0} from calling.", "File {0} under spam and reject it.", "Who is {0}? Whoever it is, block the number.", "Never put {0} through again.",
         "Can you shut out the caller {0}?", "Silence {0} for good.", "Add {0} to the blocked numbers.", "I don't want to hear from {0} again.", "Keep {0} from ringing me.", "Someone calls from {0} at night. Block the caller.", "Bar the number {0}.", "spam number: {0}", "Reject {0} automatically.", "My phone should ignore calls by {0}.", "Turn away every call from {0}.", "{0} is a scam, make sure it can't call me.", "Blacklist the number {0}."),
        done("Blocked", "The number {0} is blocked."),
    ),
    Concept(
        "do_not_disturb set_dnd setDoNotDisturb quiet_mode silence_phone toggle_dnd dnd_mode silent_mode",
        ("Switch do not disturb on or off.", "Turn the quiet mode of the phone on or off", "Whether calls and messages are silenced.", "Control the silent mode."),
        (Param("on enabled on active state silent", "boolean", lambda s: s.chance(0.5), ("Whether the mode is on", "true for on")),),
        ("Turn do not disturb {0}.", "Do not disturb {0}", "Switch {0} the silent mode.", "Put my phone's quiet mode {0}.", "dnd {0}", "Quiet mode {0}, please.", "Set do not disturb to {0}.", "I'm in a meeting, do not disturb should be {0}.", "Silent mode on the phone: {0}", "Can you turn the quiet mode {0}?", "Make do not disturb go {0}.", "From now, the phone's silent mode is {0}.", "Have the do-not-disturb setting {0}.", "Change silent mode to {0}.",
         "My nap changes things: do not disturb {0}.", "Flip do not disturb {0}.", "The phone needs silent mode {0}.", "Would you switch do not disturb {0}?", "Leave my quiet mode {0} until tonight.", "I'd prefer to have do not disturb {0}.", "Turn {0} quiet mode.", "Phone: silent mode {0}", "After the film I want do not disturb {0}.", "Go to do not disturb {0}.", "The quiet mode of my mobile must be {0}.", "Is do not disturb right? It has to be {0}."),
        done("ok", "Do not disturb is switched."),
    ),
)

BUSINESS: Final[tuple[Concept, ...]] = (
    *_SHOPS, *_BANK, *_FACTS, *_COMPUTERS, *_SCHOOL, *_MEDIA, *_ANIMALS, *_PEOPLE,
)
