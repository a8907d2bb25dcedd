/**
 * Common English words of up to six letters, roughly by how often they occur: the most frequent first. What a mock model says
 * is drawn from them, the first more often than the last, as Zipf has it.
 */
export const ENGLISH_WORDS: readonly string[] = `
the of and a to in that is was he for it with as his on be at by had not are but from or have an they which one you were
all her she there would their we him been has when who will no more if out so up said what its about than into them can
only other time new some could these two may first then do any like my now over such our man me even most made after also
did many off before must well back years where much your way down should long people just how too little state good very
make world see men work old day each get life then both under last never place same while might great year since go us
three come right himself use still own part know came house take small every set found here war does water think again
put far few school head away left once high number night public course face side fact end took days mind though got
line want less tell power system second order given hand field felt early large light seen turned point group name often
best city home known child car show side side need help study next later least white social held wish cannot keep until
form body being change within change along begin law young thing read both local level gave whole center cost real sense
open land room half four money full today times area above report table story reason used able view black later matter
front love past road across dead moment week hold words five short voice idea making human cut door death art making
clear window street toward heard action member else hour behind music plan why god turn ground mother father nature ever
brown color family friend value strong market ago cause period stood feel age common near enough effect low almost
hard late paper south north west east result really tried tax single above force rather return call sound taken eyes
ready church month space former total press stop step try tree rest blue red green trade game letter board bring food
basis doctor record entire miles class stage court test army hope third needed taking six lead heart wall whose woman
son note hotel close leave floor ten move date fire labor bed mean inside doing bad wife sure figure page top longer
simple event final meet move start nation list model modern amount pay radio manner design dark army press nine eight
spring summer winter lost forms region farm horse hair rate piece seems alone method corner bill stand wide deep quite
play run ask girl boy king lay easy wait cold fine fall glass grow heavy indeed island join kind lake learn listen live
lower main map march mark mine mile minute nearly noun obtain ocean offer oil page paint pair party pass path person
phrase pick plain plane plant please poor pose press print prove pull push quick rain raise reach region remain repeat
reply rich ride ring river rock roll root rope rose rule safe sail salt sand save scale score sea season seat seem sell
send shall shape share sharp sheet ship shoe shop shore shout sign silent silver since sing sit size skill skin sky sleep
slip slow smell smile snow soft soil soon spell spend split spoke spread square star stay steam steel stick stone store
storm stream string sugar suit sun supply swim talk tall teach team teeth tail third tie tiny tire tone tool touch town
track train travel trip truck true tube twenty type unit usual valley vary verb visit vowel wagon walk warm wash watch
wave wear weight wheel wild win wind wing wire wonder wood wrong yard yellow yes yet act add admit advice agree aim air
allow answer appear apply arm arrive aside attack basic beat become believe belong beyond bird blood board boat bone book
born borrow bottle bottom bought box branch bread break bridge bright broad build burn busy buy camera camp capital card
care carry castle catch cattle cell chair chance charge cheap check choose circle claim clean climb clock cloth cloud
coast coat coffee column cook cool copy corn count cover create credit crop cross crowd cry cup dance danger decide degree
desert detail dinner direct divide dollar double draw dream dress drink drive drop dry dust duty ear earth eat edge effort
egg either empty engine enjoy enter equal escape estate evening except expect expert extra fail fair fame famous fast fat
favor fear feed fence fight fill film find finger finish firm fish fit flat flight flow flower fly follow foot forest
forget forty frame free fresh fruit fun future garden gas gather gentle gift give glad gold grand grass gray guard guess
guide gun habit hall hang happen happy hat hear heat height hide hill hit hole honor hot huge hunt hurry ice image income
insect iron itself job joy jump key kill knee knife lady laugh layer leader leaf leg lesson liquid lift limit lip load
lock log loss loud luck lunch
`
  .trim()
  .split(/\s+/)
  .filter((word, i, all) => word.length <= 6 && all.indexOf(word) === i);
