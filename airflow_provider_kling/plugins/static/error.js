const WORDS = {
  401: ["You are not logged in", "Log in to Airflow, then open this page again.", "Log in"],
  403: ["Not yours to see", "You may not read the XComs or task instances of this DAG. Ask who looks after Airflow for it.", "Back to Airflow"],
  404: ["Nothing here", "There is no such page in the gallery.", "Back to Airflow"],
};
const [what, why, way] = WORDS[document.body.dataset.status] ?? WORDS[404];
document.getElementById("what").textContent = what;
document.getElementById("why").textContent = why;
document.getElementById("way").textContent = way;
